//! The runtime as its users meet it: files and variables in, real requests over loopback.

mod config;
mod http;
