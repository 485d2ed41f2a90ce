# A network of the machine's own. Nothing comes in: a network without a rule lets nothing in, and the machine has no address outside.
resource "google_compute_network" "this" {
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "this" {
  name                     = var.name
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.40.0.0/24"
  private_ip_google_access = true
  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Said aloud, so that a rule that somebody adds later is seen beside it.
resource "google_compute_firewall" "closed" {
  name          = "${var.name}-closed"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  priority      = 65534
  source_ranges = ["0.0.0.0/0"]
  deny { protocol = "all" }
  log_config { metadata = "INCLUDE_ALL_METADATA" }
}

# Log-ins go through Google's proxy, which asks for an identity first; the range is the proxy's.
resource "google_compute_firewall" "operators" {
  count                   = length(var.operators) > 0 ? 1 : 0
  name                    = "${var.name}-operators"
  network                 = google_compute_network.this.id
  direction               = "INGRESS"
  source_ranges           = ["35.235.240.0/20"]
  target_service_accounts = [google_service_account.this.email]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

# The way out, for images and packages.
resource "google_compute_router" "this" {
  name    = var.name
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = var.name
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}
