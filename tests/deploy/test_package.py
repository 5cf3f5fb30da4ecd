"""What `make package` writes: nothing is left to be built."""

import struct
import subprocess
import sys
import zipfile

from samtranslator.yaml_helper import yaml_parse

from stack import ROOT, functions, template


def test_each_function_is_a_zip_of_an_executable_that_the_template_names(package):
    text = (package / "template.yaml").read_text()
    assert "BuildMethod" not in text
    packed = yaml_parse(text)
    assert "CodeUri" not in packed["Globals"]["Function"]
    for name, function in functions(template()).items():
        binary = function["Metadata"]["BuildProperties"]["Binary"]
        assert packed["Resources"][name]["Properties"]["CodeUri"] == f"{binary}.zip"
        with zipfile.ZipFile(package / f"{binary}.zip") as archive:
            [entry] = archive.infolist()
        assert (entry.filename, entry.external_attr >> 16) == ("bootstrap", 0o755)


def test_the_template_is_the_sources_but_for_code_and_architecture(package):
    packed, source = yaml_parse((package / "template.yaml").read_text()), template()
    assert packed["Parameters"].pop("Architecture")["AllowedValues"] == ["x86_64"]
    source["Parameters"].pop("Architecture")
    source["Globals"]["Function"].pop("CodeUri")
    for name, function in functions(source).items():
        function.pop("Metadata")
        packed["Resources"][name]["Properties"].pop("CodeUri")
    assert packed == source


def test_the_page_is_in_the_package(package):
    with zipfile.ZipFile(package / "page.zip") as archive:
        names = archive.namelist()
    assert "index.html" in names
    assert [name for name in names if name.endswith(".js")]


def test_a_binary_for_another_architecture_is_refused(tmp_path):
    """Lambda would only say so at the first call."""
    (tmp_path / "record").write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", 62))
    asked = ["--architecture", "arm64", "--binaries", tmp_path, "--into", tmp_path / "package"]
    done = subprocess.run([sys.executable, ROOT / ".ci/package.py", *asked], capture_output=True, text=True)
    assert done.returncode == 1
    assert "record is built for x86_64, not for arm64; see ARCH" in done.stderr
