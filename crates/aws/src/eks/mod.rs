//! EKS: clusters, their nodes, and who may do what with them.
