output "log_in" {
  description = "Logs in, and brings the api to this machine's port 8080; needs a place in `operators`."
  value       = "gcloud compute ssh ${google_compute_instance.this.name} --project ${var.project} --zone ${google_compute_instance.this.zone} --tunnel-through-iap -- -L 8080:127.0.0.1:8080"
}

output "service_account" {
  description = "The machine's identity."
  value       = google_service_account.this.email
}
