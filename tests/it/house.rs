//! Rules about files that no compiler checks.
//!
//! They say which file may import which, and which files the documents name.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};
use syn::{
    Attribute, Item, ItemMod, ItemUse, Meta, UseTree, Visibility,
    visit::{self, Visit},
};

use crate::guards::read;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folders of the crates, from the root.
fn crates() -> Vec<String> {
    let folders = ["", "functions/"].into_iter().flat_map(|parent| {
        let inside = fs::read_dir(root().join(parent)).unwrap();
        inside.map(move |entry| format!("{parent}{}", entry.unwrap().file_name().to_str().unwrap()))
    });
    folders
        .filter(|folder| {
            let is_in = |name: &str| root().join(folder).join(name).exists();
            is_in("Cargo.toml") && is_in("src")
        })
        .collect()
}

/// The texts of a folder's files with one of these endings, by their paths.
fn files(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    let root = root().join(folder);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The names in a path, from the root of the crate.
type ModulePath = Vec<String>;

/// What a file of a crate imports, and what it re-exports.
#[derive(Debug, Default)]
struct Module {
    path: ModulePath,
    children: BTreeSet<String>,
    imports: Vec<ModulePath>,
    /// The paths of the re-exported items, by their names.
    reexports: BTreeMap<String, ModulePath>,
}

impl Module {
    fn parse(file: &str, text: &str) -> Self {
        let names = file.trim_end_matches(".rs").split('/').map(str::to_owned);
        let path: ModulePath = names
            .filter(|name| name != "lib" && name != "main")
            .collect();
        let file = syn::parse_file(text).unwrap();
        let children = file.items.iter().filter_map(|item| match item {
            Item::Mod(ItemMod {
                ident,
                content: None,
                ..
            }) => Some(ident.to_string()),
            _ => None,
        });
        let mut module = Self {
            path,
            children: children.collect(),
            ..Self::default()
        };
        module.visit_file(&file);
        module
    }

    /// A path of this file, from the crate's root; none for another crate's.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut absolute = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.path.clone(),
            "super" => self.path[..self.path.len() - 1].to_vec(),
            child if self.children.contains(child) => {
                [&self.path[..], &[child.to_owned()]].concat()
            }
            _ => return None,
        };
        for name in rest {
            match name.as_str() {
                "super" => {
                    absolute.pop();
                }
                "self" => {}
                name => absolute.push(name.to_owned()),
            }
        }
        Some(absolute)
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

/// Adds the paths that a `use` names to `found`.
fn collect_paths(tree: &UseTree, before: &[String], found: &mut Vec<ModulePath>) {
    let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
    match tree {
        UseTree::Path(path) => collect_paths(&path.tree, &with(&path.ident), found),
        UseTree::Name(name) => found.push(with(&name.ident)),
        UseTree::Rename(name) => found.push(with(&name.ident)),
        UseTree::Glob(_) => found.push(before.to_vec()),
        UseTree::Group(group) => {
            for tree in &group.items {
                collect_paths(tree, before, found);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let mut found = Vec::new();
        collect_paths(&item.tree, &[], &mut found);
        for path in found {
            let Some(path) = self.absolute(&path) else {
                continue;
            };
            match (&item.vis, path.last()) {
                (Visibility::Inherited, _) | (_, None) => self.imports.push(path),
                (_, Some(name)) => {
                    self.reexports.insert(name.clone(), path);
                }
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: ModulePath = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.imports.extend(self.absolute(&names));
        }
        visit::visit_path(self, path);
    }
}

/// The file that defines what a path names, also if other files re-export it.
fn defining_module<'a>(
    modules: &'a BTreeMap<ModulePath, Module>,
    path: &[String],
) -> Option<&'a ModulePath> {
    let (module_path, module) = (0..=path.len())
        .rev()
        .find_map(|length| modules.get_key_value(&path[..length]))?;
    let Some((name, rest)) = path[module_path.len()..].split_first() else {
        return Some(module_path);
    };
    match module.reexports.get(name) {
        Some(source) if source != path => defining_module(modules, &[&source[..], rest].concat()),
        _ => Some(module_path),
    }
}

/// Files that import each other, directly or through others.
fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<&str>> {
    let mut graph = DiGraphMap::<&str, ()>::new();
    for (from, to) in imports {
        for to in to.iter().filter(|to| *to != from) {
            graph.add_edge(from, to, ());
        }
    }
    let components = tarjan_scc(&graph).into_iter();
    components.filter(|files| files.len() > 1).collect()
}

/// What each file of a crate imports.
fn imports(krate: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut files = files(&format!("{krate}/src"), &[".rs"]);
    let has_library = files.contains_key("lib.rs");
    files.retain(|file, _| !(file == "main.rs" && has_library || file.starts_with("bin/")));
    let modules = files.iter().map(|(file, text)| Module::parse(file, text));
    let modules: BTreeMap<ModulePath, Module> = modules
        .map(|module| (module.path.clone(), module))
        .collect();
    let name = |path: &ModulePath| format!("{krate}::{}", path.join("::"));
    let imported = |module: &Module| {
        let imported = module
            .imports
            .iter()
            .filter_map(|path| defining_module(&modules, path));
        imported.map(name).collect()
    };
    let modules = modules.iter();
    modules
        .map(|(path, module)| (name(path), imported(module)))
        .collect()
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let crates = crates();
    assert!(crates.len() > 20, "{crates:?}");
    for krate in &crates {
        let imports = imports(krate);
        assert!(
            imports.values().any(|it| !it.is_empty()) || imports.len() == 1,
            "{krate}"
        );
        assert_eq!(circles(&imports), Vec::<Vec<&str>>::new(), "{krate}");
    }
}

#[test]
fn a_circle_is_found_through_a_reexport() {
    let parse = |(file, text): (&str, &str)| {
        let module = Module::parse(file, text);
        (module.path.clone(), module)
    };
    let files = [
        ("lib.rs", "mod a; mod b; pub use a::Thing;"),
        ("a.rs", "use crate::b; pub struct Thing;"),
        (
            "b.rs",
            "fn f() -> crate::Thing { todo!() } #[cfg(test)] mod tests { use crate::a; }",
        ),
    ];
    let modules: BTreeMap<_, _> = files.map(parse).into();
    let at = |name: &str| vec![name.to_owned()];
    let imported = |name: &str| defining_module(&modules, &modules[&at(name)].imports[0]).cloned();
    assert_eq!(
        (imported("a"), imported("b")),
        (Some(at("b")), Some(at("a")))
    );
    assert_eq!(modules[&at("b")].imports.len(), 1);
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let imports = [
        ("a".to_owned(), named(&["b"])),
        ("b".to_owned(), named(&["c"])),
        ("c".to_owned(), named(&["a"])),
        ("d".to_owned(), named(&["a", "d"])),
    ];
    let imports = imports.into();
    let found = circles(&imports);
    assert_eq!((found.len(), found[0].len()), (1, 3));
}

#[test]
fn no_files_of_the_page_import_each_other_in_a_circle() {
    let files = files("portal/src", &[".ts", ".tsx"]);
    let mut imports = BTreeMap::new();
    for (file, text) in &files {
        let folder = Path::new(file).parent().unwrap();
        let quoted = text
            .split(['\'', '"'])
            .filter(|it| it.starts_with("./") || it.starts_with("../"));
        let found = quoted.filter_map(|path| {
            let mut at = folder.to_path_buf();
            for part in path.split('/') {
                match part {
                    "." => {}
                    ".." => {
                        at.pop();
                    }
                    part => at.push(part),
                }
            }
            let at = at.to_str()?.trim_end_matches(".js").to_owned();
            let names = [format!("{at}.ts"), format!("{at}.tsx"), at];
            names.into_iter().find(|name| files.contains_key(name))
        });
        imports.insert(file.clone(), found.collect::<BTreeSet<_>>());
    }
    assert!(imports.values().filter(|it| !it.is_empty()).count() > 10);
    assert_eq!(circles(&imports), Vec::<Vec<&str>>::new());
}

/// The lines of a file's code, without its tests and comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn the_wings_of_shared_know_each_other_in_one_direction() {
    let forbidden = |file: &str| match file.split('/').next().unwrap() {
        "model" | "model.rs" => &["aws_", "lambda_http", "crate::aws", "crate::lambda"][..],
        "aws" | "aws.rs" => &["lambda_http"],
        "lambda" | "lambda.rs" => &["aws_sdk"],
        _ => &[],
    };
    let files = files("shared/src", &[".rs"]);
    for (file, text) in &files {
        for line in code(text) {
            for name in forbidden(file) {
                assert!(
                    !line.contains(name),
                    "shared/src/{file} names {name}: {line}"
                );
            }
        }
    }
    // A name that `lib` re-exports does not show which wing it comes from.
    let is_in = |wing: &str, file: &str| {
        let wing = format!("shared::{wing}");
        file == wing || file.starts_with(&format!("{wing}::"))
    };
    for (at, imported) in imports("shared") {
        let mut imported = imported.iter();
        let wrong = if is_in("model", &at) {
            imported.find(|it| !is_in("model", it))
        } else if is_in("aws", &at) {
            imported.find(|it| is_in("lambda", it))
        } else if is_in("lambda", &at) {
            imported.find(|it| is_in("aws", it))
        } else {
            None
        };
        assert_eq!(wrong, None, "{at}");
    }
}

#[test]
fn a_partner_id_is_made_where_the_security_page_says() {
    let page = read("docs/security.md");
    let files = files("shared/src", &[".rs"]);
    let makers: Vec<_> = files
        .iter()
        .filter(|(_, text)| code(text).any(|line| line.contains("PartnerId::parse(")))
        .map(|(file, _)| file.as_str())
        .filter(|file| *file != "model/arbitrary.rs")
        .collect();
    let expected = [
        "aws/activities/item.rs",
        "aws/activities/load.rs",
        "aws/activities/streamed.rs",
        "aws/archive/operate.rs",
        "aws/archive/registry.rs",
        "aws/open_work.rs",
        "lambda/access.rs",
        "model/task.rs",
    ];
    assert_eq!(makers, expected);
    for maker in makers {
        assert!(
            page.contains(maker),
            "docs/security.md does not name {maker}"
        );
    }
}

#[test]
fn each_file_that_a_document_names_exists() {
    let mut documents = files("docs", &[".md"]);
    documents.retain(|file, _| file != "mutations.md");
    for file in [
        "README.md",
        "CONTRIBUTING.md",
        "bench/README.md",
        ".cargo/mutants.toml",
    ] {
        documents.insert(file.to_owned(), read(file));
    }
    let folders = [
        "admin/",
        "shared/",
        "functions/",
        "local/",
        "portal/",
        "tests/",
        "archive/",
        "proof/",
        "bench/",
        "docs/",
        ".ci/",
    ];
    let mut named = 0;
    for (document, text) in &documents {
        let quoted = text.split(['`', '"']).skip(1).step_by(2);
        let paths = quoted.filter(|it| folders.iter().any(|folder| it.starts_with(folder)));
        // Leaves out patterns, and files that a command makes.
        let kept =
            paths.filter(|it| !it.contains(".venv") && !it.contains(['*', '<', ' ', '{', '…']));
        for path in kept {
            named += 1;
            assert!(root().join(path).exists(), "{document} names {path}");
        }
    }
    assert!(named > 60, "only {named} paths");
}
