//! Requests and their answers over a real TLS connection.
