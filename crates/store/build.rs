//! The embedded migrations are read at build time: build again when one is added.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
