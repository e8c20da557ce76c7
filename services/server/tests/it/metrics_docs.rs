//! The committed list of metrics is what the program writes, and holds every metric there is.

use std::{fs, path::Path};

use crate::{
    golden,
    process::{run, server},
};

fn page() -> String {
    let output = run(server(&["metrics"]));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_metrics_in_the_docs_are_up_to_date() {
    golden::check("docs/metrics.md", &page());
}

/// Names of metrics in a source.
fn names(source: &str) -> impl Iterator<Item = &str> {
    let literals = source.split('"').skip(1).step_by(2);
    literals.filter(|literal| literal.starts_with("xchat_"))
}

#[test]
fn every_metric_of_every_crate_is_listed_under_the_name_of_its_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = page();
    let mut found = 0;
    for folder in ["crates", "services", "clients"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let of = entry.unwrap().path();
            let Ok(source) = fs::read_to_string(of.join("src/metrics.rs")) else {
                continue;
            };
            let own = of.file_name().unwrap().to_str().unwrap();
            for name in names(&source) {
                let row = format!("\n| `{name}` | ");
                assert_eq!(page.matches(&row).count(), 1, "{name} of {own}");
                assert!(name.starts_with(&format!("xchat_{own}_")), "{name}");
                found += 1;
            }
        }
    }
    assert!(found > 20, "only {found} metrics were found");
    assert_eq!(page.matches("\n| `xchat_").count(), found);
}
