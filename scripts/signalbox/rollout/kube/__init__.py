"""The Kubernetes API as far as moving traffic needs it: a kubeconfig, GET, PATCH, and errors told apart."""
