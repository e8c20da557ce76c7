//! Compiles `proto/` with protox, a protobuf compiler in Rust: no protoc on any machine.

use std::{env, error::Error, fs, path::Path};

use protox::prost_reflect::prost_types::FileDescriptorSet;

const ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    let mut files = Vec::new();
    collect(Path::new(ROOT), &mut files)?;
    files.sort();
    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?;
    let grpc = env::var_os("CARGO_FEATURE_GRPC").is_some();
    let all = compiler.file_descriptor_set();
    let list = format!("&{:#?}", methods(&all));
    let out = env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?;
    fs::write(Path::new(&out).join("methods.rs"), list)?;
    tonic_prost_build::configure()
        .build_client(grpc)
        .build_server(grpc)
        .bytes(".")
        .compile_fds(all)?;
    Ok(())
}

/// Paths of all RPCs.
fn methods(all: &FileDescriptorSet) -> Vec<String> {
    let mut paths = Vec::new();
    for file in &all.file {
        for service in &file.service {
            let methods = service
                .method
                .iter()
                .map(|method| format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            paths.extend(methods);
        }
    }
    paths
}

fn collect(dir: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            files.push(path.strip_prefix(ROOT)?.to_owned());
        }
    }
    Ok(())
}
