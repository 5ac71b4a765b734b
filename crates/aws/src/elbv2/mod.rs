//! Elastic Load Balancing: application load balancers.
