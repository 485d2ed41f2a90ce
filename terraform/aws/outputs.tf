output "cluster" {
  description = "Name for `aws eks update-kubeconfig --name`."
  value       = module.cluster.name
}

output "kafka_brokers" {
  description = "CHURN__KAFKA__BROKERS: SASL/SCRAM over TLS."
  value       = module.stream.brokers
}

output "database_address" {
  description = "Host and port of Postgres."
  value       = module.database.address
}

output "database_secret" {
  description = "Secret in which RDS keeps and rotates the owner's password."
  value       = module.database.secret_arn
}

output "registry_bucket" {
  description = "CHURN__REGISTRY__S3__BUCKET."
  value       = module.registry.bucket
}

output "registry_roles" {
  description = "Roles for the ServiceAccounts: `writer` for setup, `reader` for the parts."
  value       = module.registry.roles
}
