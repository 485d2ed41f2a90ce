//! Migrations are embedded when the crate is compiled; a new file alone must count as a change.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
