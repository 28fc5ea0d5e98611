"""Who answers where: replicas register under a lease, the gateway follows."""
