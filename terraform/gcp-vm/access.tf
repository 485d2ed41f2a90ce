# The machine's identity may write logs and metrics, and nothing else: its secrets are made on it and never leave it.
resource "google_service_account" "this" {
  account_id   = var.name
  display_name = "The machine of ${var.name}"
}

resource "google_project_iam_member" "machine" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter"])
  project  = var.project
  role     = each.value
  member   = google_service_account.this.member
}

# Operators may reach this machine and log in to it as its administrators, and no other.
resource "google_iap_tunnel_instance_iam_member" "operators" {
  for_each = toset(var.operators)
  instance = google_compute_instance.this.name
  zone     = google_compute_instance.this.zone
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.value
}

resource "google_compute_instance_iam_member" "operators" {
  for_each      = toset(var.operators)
  instance_name = google_compute_instance.this.name
  zone          = google_compute_instance.this.zone
  role          = "roles/compute.osAdminLogin"
  member        = each.value
}

# Whoever logs in to a machine acts as its identity.
resource "google_service_account_iam_member" "operators" {
  for_each           = toset(var.operators)
  service_account_id = google_service_account.this.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}
