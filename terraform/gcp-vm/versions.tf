terraform {
  required_version = ">= 1.10"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.40"
    }
  }
  # The bucket comes from a file of yours: terraform init -backend-config=state.config. Google locks and encrypts the state itself.
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region
  zone    = "${var.region}-${var.zone}"
  default_labels = {
    project = var.name
  }
}
