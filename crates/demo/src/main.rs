//! stub
mod verify;
fn main() {}
