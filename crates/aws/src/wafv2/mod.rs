//! WAF: what requests are let through.
