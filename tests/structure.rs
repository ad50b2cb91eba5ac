//! The structure of the source: dependencies between modules as in ARCHITECTURE.md, limits on the length of files and
//! lines, and two files of the same name for each kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Maximum number of lines of a file.
const LINES: usize = 500;
/// Maximum number of columns of a line, including comments, which rustfmt does not wrap.
const COLUMNS: usize = 120;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder with this ending, with their paths from the root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut open: Vec<PathBuf> = vec![root().join(folder)];
    let mut found = vec![];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == ending) {
            let name = path.strip_prefix(root()).unwrap().components().map(|c| c.as_os_str().to_string_lossy());
            found.push((name.collect::<Vec<_>>().join("/"), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has no files");
    found
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// The module table of ARCHITECTURE.md: each module, in order, with the modules that it may use.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|l| !l.starts_with("| module |")).skip(2).take_while(|l| l.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [module, _, uses] = cells[..] else { panic!("not a row of three cells: {line}") };
        (quoted(module).remove(0), quoted(uses).into_iter().collect())
    };
    rows.map(row).collect()
}

/// The modules that a source file names after `crate::`, in paths and in groups; comments do not count.
fn named(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (1, 0);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if (depth == 1 && c == ',') || depth == 0 {
                found.insert(word(group[start..i].trim()));
                start = i + 1;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.remove("");
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// For each module of the library, the modules that it uses.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in files("src", "rs") {
        let module = path["src/".len()..].split(['/', '.']).next().unwrap().to_string();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let uses = arrows.entry(module.clone()).or_default();
        // The macro is exported from the crate's root and lives with the kernels.
        let home = |m: String| if m == "overrides" { "kernels".into() } else { m };
        uses.extend(named(&text).into_iter().map(home).filter(|m| *m != module));
    }
    arrows
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    let text = "use crate::{\n    error::{Error, Result},\n    graph::Var, // crate::no\n};\n\
                fn f() { crate::plan::code(); $crate::x }";
    assert_eq!(named(text), BTreeSet::from(["error", "graph", "plan"].map(String::from)));
}

#[test]
fn the_table_lists_the_modules_bottom_up() {
    let table = table();
    let listed: BTreeSet<&String> = table.iter().map(|(module, _)| module).collect();
    let arrows = arrows();
    let there: BTreeSet<&String> = arrows.keys().collect();
    assert_eq!(listed, there, "modules of the table, and of src/");
    for (i, (module, uses)) in table.iter().enumerate() {
        let below: BTreeSet<&String> = table[..i].iter().map(|(module, _)| module).collect();
        for used in uses {
            assert!(
                below.contains(used),
                "ARCHITECTURE.md lets {module} use {used}, which does not stand above it in the table"
            );
        }
    }
}

#[test]
fn arrows_go_where_the_table_says() {
    let arrows = arrows();
    for (module, allowed) in table() {
        let used = &arrows[&module];
        let (more, less): (Vec<_>, Vec<_>) = (used.difference(&allowed).collect(), allowed.difference(used).collect());
        assert!(more.is_empty(), "{module} uses {more:?}, and ARCHITECTURE.md does not let it");
        assert!(less.is_empty(), "ARCHITECTURE.md lets {module} use {less:?}, and it does not");
    }
}

#[test]
fn files_can_be_read_at_a_sitting() {
    let folders = [("src", "rs"), ("shaders", "wgsl"), ("tests", "rs"), ("examples", "rs"), ("benches", "rs")];
    for (path, text) in folders.iter().flat_map(|(folder, ending)| files(folder, ending)) {
        let lines = text.lines().count();
        assert!(lines <= LINES, "{path} has {lines} lines, more than {LINES}");
        for (n, line) in text.lines().enumerate() {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS, "{path}:{} has {columns} columns, more than {COLUMNS}", n + 1);
        }
    }
}

#[test]
fn a_kernel_is_two_files_of_one_name() {
    let shaders: BTreeSet<String> = files("shaders", "wgsl").into_iter().map(|(path, _)| path).collect();
    let mut count = 0;
    for (path, text) in files("src/kernels", "rs") {
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".rs").to_string();
        if !text.contains("impl Spec for ") {
            continue;
        }
        count += 1;
        assert!(text.contains(&format!("const NAME: &'static str = \"{stem}\";")), "{path}: its name is not {stem}");
        assert!(shaders.contains(&format!("shaders/{stem}.wgsl")), "{path}: there is no shaders/{stem}.wgsl");
    }
    let text = fs::read_to_string(root().join("src/kernels/mod.rs")).unwrap();
    let list = text.split("\nkernels!(").nth(1).unwrap().split(')').next().unwrap();
    assert_eq!(
        count,
        list.split(',').filter(|name| !name.trim().is_empty()).count(),
        "modules, and entries of `kernels!`"
    );
}

/// Who reads a kernel finds at its head which files are joined to its own.
#[test]
fn heads_name_what_is_joined() {
    for (path, text) in files("src/kernels", "rs") {
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        let Ok(shader) = fs::read_to_string(root().join(format!("shaders/{stem}.wgsl"))) else { continue };
        let head: String = shader.lines().take_while(|line| line.starts_with("//")).collect();
        let shared = text.split("shaders/shared/").skip(1).map(|rest| rest.split('"').next().unwrap());
        let geometry = text.contains("GEOMETRY").then_some("geometry.wgsl");
        let body = text.contains("Product {").then_some("product*.wgsl");
        for name in shared.chain(geometry).chain(body) {
            assert!(head.contains(name), "shaders/{stem}.wgsl is joined with {name}, and its head does not say so");
        }
    }
}

/// One way to write each thing: `vec3u`, `mat4x4f`, `i++`, flags as `bool`.
#[test]
fn shaders_keep_one_convention() {
    for (path, text) in files("shaders", "wgsl") {
        for (n, line) in text.lines().enumerate() {
            let old = ["<u32>(", "vec2<", "vec3<", "vec4<u", "vec4<f", "x2<f32>", "x3<f32>", "x4<f32>", " += 1u;"];
            let found = old.iter().find(|form| line.contains(**form) && !line.contains("bitcast<"));
            assert!(found.is_none(), "{path}:{}: {:?} has a shorter form", n + 1, found.unwrap());
        }
        let flags = text.lines().filter_map(|line| line.strip_prefix("override ")?.split_once(": u32"));
        for (name, _) in flags {
            let is_flag = ["!= 0u", "== 0u"].iter().any(|test| text.contains(&format!("{name} {test}")));
            assert!(!is_flag, "{path}: {name} is a flag, which is a bool");
        }
    }
}
