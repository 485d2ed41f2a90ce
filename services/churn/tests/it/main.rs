//! The program as its users run it.

#![allow(clippy::disallowed_methods)] // tests wait for other processes

mod cli;
mod cluster;
mod demo;
mod http;
mod rows;
mod run;
