# Kafka in three zones, TLS and SCRAM only.
variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "key_arn" { type = string }
variable "client_group_id" { type = string }
variable "broker_type" { type = string }
variable "broker_gb" { type = number }
variable "scram_secret_arns" { type = list(string) }
variable "acls_in_place" { type = bool }

resource "aws_security_group" "this" {
  name        = "${var.name}-stream"
  description = "Kafka, for the cluster only"
  vpc_id      = var.vpc_id
  ingress {
    description     = "SASL/SCRAM over TLS from the cluster"
    from_port       = 9096
    to_port         = 9096
    protocol        = "tcp"
    security_groups = [var.client_group_id]
  }
}

resource "aws_msk_configuration" "this" {
  name              = var.name
  server_properties = <<-EOT
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    unclean.leader.election.enable=false
    # Longer than the age of a backup that is restored, which is 7 days.
    log.retention.hours=336
    allow.everyone.if.no.acl.found=${!var.acls_in_place}
  EOT
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/msk/${var.name}"
  retention_in_days = 365
  kms_key_id        = var.key_arn
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = "3.8.x"
  number_of_broker_nodes = length(var.subnet_ids)
  broker_node_group_info {
    instance_type   = var.broker_type
    client_subnets  = var.subnet_ids
    security_groups = [aws_security_group.this.id]
    storage_info {
      ebs_storage_info { volume_size = var.broker_gb }
    }
  }
  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }
  client_authentication {
    sasl { scram = true }
  }
  encryption_info {
    encryption_at_rest_kms_key_arn = var.key_arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.this.name
      }
    }
  }
}

resource "aws_msk_scram_secret_association" "this" {
  count           = length(var.scram_secret_arns) > 0 ? 1 : 0
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = var.scram_secret_arns
}

output "brokers" { value = aws_msk_cluster.this.bootstrap_brokers_sasl_scram }
output "server_properties" { value = aws_msk_configuration.this.server_properties }
