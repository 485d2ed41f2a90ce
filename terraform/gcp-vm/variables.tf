variable "project" {
  description = "The Google Cloud project that everything is made in."
  type        = string
}

variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "churnstream"
  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$", var.name))
    error_message = "Up to 22 lower-case letters, digits and dashes, a letter first."
  }
}

variable "region" {
  description = "Where the machine stands."
  type        = string
  default     = "europe-west1"
}

variable "zone" {
  description = "The zone's letter in the region."
  type        = string
  default     = "b"
}

variable "repository" {
  description = "Git address of this repository, which the machine reads its compose files from; readable without a log-in."
  type        = string
}

variable "image" {
  description = "The released image by its digest: NAME@sha256:..."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest: the machine runs what was released and nothing else."
  }
}

variable "warehouse_image" {
  description = "The released image of the warehouse by its digest, where compose.bi.yaml is among compose_files."
  type        = string
  default     = ""
  validation {
    condition     = var.warehouse_image == "" ? !contains(var.compose_files, "compose.bi.yaml") : can(regex("^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$", var.warehouse_image))
    error_message = "compose.bi.yaml needs the warehouse's image, named by its digest."
  }
}

variable "commit" {
  description = "The commit of the repository that the image was released from."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.commit))
    error_message = "Forty hexadecimal digits; a branch or a tag may be moved."
  }
}

variable "compose_files" {
  description = "Files of compose/ that the machine starts, by the table of compose/README.md."
  type        = list(string)
  default     = ["compose.yaml", "compose.observability.yaml"]
  validation {
    condition     = contains(var.compose_files, "compose.yaml") && alltrue([for file in var.compose_files : can(regex("^compose(\\.[a-z]+)?\\.yaml$", file))])
    error_message = "compose.yaml and, beside it, others of its folder."
  }
}

variable "rate" {
  description = "Events a second."
  type        = number
  default     = 500
}

variable "operators" {
  description = "Who may log in: members such as user:ann@example.com or group:ops@example.com. Empty: the firewall lets nobody in at all."
  type        = list(string)
  default     = []
}

variable "machine_type" {
  description = "Two cores and 16 GB hold all files together, by their memory limits."
  type        = string
  default     = "e2-highmem-2"
}

variable "disk_gb" {
  description = "Room for the volumes."
  type        = number
  default     = 100
}
