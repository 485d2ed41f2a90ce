# One machine that starts compose/ by cloud-init, for a trial or a small stream. A cluster is terraform/aws.
data "google_project" "this" {
  project_id = var.project
}

resource "google_kms_key_ring" "this" {
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "this" {
  name            = "disks"
  key_ring        = google_kms_key_ring.this.id
  rotation_period = "7776000s"
  # Without the key nobody reads the disks again.
  lifecycle { prevent_destroy = true }
}

resource "google_kms_crypto_key_iam_member" "disks" {
  crypto_key_id = google_kms_crypto_key.this.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.this.number}@compute-system.iam.gserviceaccount.com"
}

# The volumes, on a disk that outlives the machine.
resource "google_compute_disk" "volumes" {
  name = "${var.name}-volumes"
  type = "pd-balanced"
  size = var.disk_gb
  disk_encryption_key { kms_key_self_link = google_kms_crypto_key.this.id }
  depends_on = [google_kms_crypto_key_iam_member.disks]
  lifecycle { prevent_destroy = true }
}

resource "google_compute_resource_policy" "nightly" {
  name = "${var.name}-nightly"
  snapshot_schedule_policy {
    schedule {
      daily_schedule {
        days_in_cycle = 1
        start_time    = "02:00"
      }
    }
    # As old as a backup may be whose records the topics still hold; see docs/operations.md.
    retention_policy { max_retention_days = 6 }
  }
}

resource "google_compute_disk_resource_policy_attachment" "volumes" {
  name = google_compute_resource_policy.nightly.name
  disk = google_compute_disk.volumes.name
}

resource "google_compute_instance" "this" {
  name         = var.name
  machine_type = var.machine_type
  # A new version of the files below is a new boot, with the volumes of before.
  allow_stopping_for_update = true
  boot_disk {
    kms_key_self_link = google_kms_crypto_key.this.id
    initialize_params {
      image = "ubuntu-os-cloud/ubuntu-2404-lts-amd64"
      size  = 30
    }
  }
  attached_disk {
    source            = google_compute_disk.volumes.id
    device_name       = "volumes"
    kms_key_self_link = google_kms_crypto_key.this.id
  }
  # Without access_config: no address outside.
  network_interface { subnetwork = google_compute_subnetwork.this.id }
  service_account {
    email = google_service_account.this.email
    # The roles above are the limit.
    scopes = ["cloud-platform"]
  }
  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }
  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
    user-data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
      repository      = var.repository
      commit          = var.commit
      image           = var.image
      warehouse_image = var.warehouse_image
      files           = join(":", var.compose_files)
      rate            = var.rate
    })
  }
  depends_on = [google_kms_crypto_key_iam_member.disks]
}
