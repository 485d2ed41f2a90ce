variable "name" {
  description = "Name of everything that is made."
  type        = string
  default     = "churnstream"
}

variable "region" {
  description = "Region of AWS."
  type        = string
}

variable "vpc_id" {
  description = "The network to build in."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one in each of at least three zones."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) >= 3
    error_message = "Kafka and Postgres want at least three subnets, each in a zone of its own."
  }
}

variable "scram_secret_arns" {
  description = "Secrets of Secrets Manager (AmazonMSK_...), one a Kafka user, made outside so that no password is in the state."
  type        = list(string)
  default     = []
}

variable "acls_in_place" {
  description = "Whether what `churn access` prints has been applied to Kafka. Before, every user may do everything, or nobody could apply it."
  type        = bool
  default     = false
}

variable "sizes" {
  description = "Instance types and numbers; the defaults are the smallest that are redundant."
  type = object({
    nodes       = optional(number, 3)
    node_type   = optional(string, "m7g.large")
    broker_type = optional(string, "kafka.m7g.large")
    broker_gb   = optional(number, 100)
    database    = optional(string, "db.m7g.large")
    database_gb = optional(number, 100)
  })
  default = {}
}
