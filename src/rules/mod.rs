//! The catalogue of findings.
