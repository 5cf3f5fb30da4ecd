"""Packs a deployment that needs no compiler: a zip for each function, the template that names them, and the page.

It builds nothing; `make package` does that before.
"""

import argparse
import re
import shutil
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("docs/identity/cognito.yaml", "LICENSE-APACHE", "LICENSE-MIT")

# What an ELF file's header says of the instruction set.
MACHINES = {62: "x86_64", 183: "arm64"}

# How `template.yaml` says that `sam build` compiles a function, and which binary it is.
BUILD = re.compile(
    r"    Metadata:\n      BuildMethod: rust-cargolambda\n      BuildProperties:\n"
    r"        Binary: (\S+)\n    Properties:\n"
)
CODE = re.compile(r"    CodeUri: \.\n")
ARCHITECTURE = re.compile(r"(  Architecture:\n(?:    .*\n)+?    Default: ).*\n(    AllowedValues: ).*\n")


def main():
    asked = arguments()
    shutil.rmtree(asked.into, ignore_errors=True)
    asked.into.mkdir(parents=True)
    template, functions = packaged((ROOT / "template.yaml").read_text(), asked.architecture)
    for function in functions:
        binary = binary_of(asked.binaries, function)
        check_machine(binary, asked.architecture)
        pack(asked.into / f"{function}.zip", {"bootstrap": binary}, asked.level)
        print(asked.into / f"{function}.zip", flush=True)
    files = {str(file.relative_to(asked.page)): file for file in sorted(asked.page.rglob("*")) if file.is_file()}
    if "index.html" not in files:
        sys.exit(f"package: {asked.page} has no index.html; build the page with `make page`")
    pack(asked.into / "page.zip", files, asked.level)
    (asked.into / "template.yaml").write_text(template)
    for file in COPIED:
        shutil.copy(ROOT / file, asked.into)
    print(f"{asked.into}/template.yaml: deploy it with `sam deploy`; docs/operations.md says how")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=MACHINES.values(), required=True)
    parser.add_argument("--binaries", type=Path, required=True, help="folder of cargo or of cargo lambda")
    parser.add_argument("--page", type=Path, default=ROOT / "portal/dist")
    parser.add_argument("--into", type=Path, required=True, help="folder to write; what is in it is removed")
    parser.add_argument("--level", type=int, default=9, help="of compression; 1 for large binaries that are not kept")
    return parser.parse_args()


def packaged(template, architecture):
    """The template that names the zips, of one architecture alone, and the functions' binaries."""
    functions = BUILD.findall(template)
    template, named = BUILD.subn(r"    Properties:\n      CodeUri: \1.zip\n", template)
    template, code = CODE.subn("", template)
    template, chosen = ARCHITECTURE.subn(rf"\g<1>{architecture}\n\g<2>[{architecture}]\n", template)
    wanted = template.count("Type: AWS::Serverless::Function\n")
    if (named, code, chosen) != (wanted, 1, 1):
        sys.exit(f"package: template.yaml has another form than this script knows: {named} of {wanted} functions named")
    return template, functions


def binary_of(folder, function):
    """Cargo writes `list`, and cargo lambda `list/bootstrap`."""
    binary = folder / function
    return binary / "bootstrap" if binary.is_dir() else binary


def check_machine(binary, architecture):
    with binary.open("rb") as file:
        header = file.read(20)
    machine = MACHINES.get(struct.unpack("<H", header[18:20])[0]) if header.startswith(b"\x7fELF") else None
    if machine != architecture:
        sys.exit(f"package: {binary} is built for {machine or 'another system'}, not for {architecture}; see ARCH")


def pack(archive, files, level):
    """The same files give the same bytes, whenever they were built."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        for name, file in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name == "bootstrap" else 0o644) << 16
            packed.writestr(entry, file.read_bytes(), compresslevel=level)


if __name__ == "__main__":
    main()
