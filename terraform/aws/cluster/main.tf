# Kubernetes with a private API and an identity provider for ServiceAccounts.
variable "name" { type = string }
variable "subnet_ids" { type = list(string) }
variable "key_arn" { type = string }
variable "nodes" { type = number }
variable "node_type" { type = string }

locals {
  policies = {
    cluster = ["AmazonEKSClusterPolicy"]
    node    = ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"]
  }
  services    = { cluster = "eks.amazonaws.com", node = "ec2.amazonaws.com" }
  attachments = merge([for role, names in local.policies : { for name in names : name => role }]...)
}

data "aws_iam_policy_document" "trust" {
  for_each = local.services
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each           = local.services
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each   = local.attachments
  role       = aws_iam_role.this[each.value].name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

resource "aws_eks_cluster" "this" {
  name                      = var.name
  role_arn                  = aws_iam_role.this["cluster"].arn
  version                   = "1.33"
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    # The deploy workflow needs a runner inside the network.
    endpoint_public_access = false
  }
  encryption_config {
    resources = ["secrets"]
    provider { key_arn = var.key_arn }
  }
  depends_on = [aws_iam_role_policy_attachment.this]
}

# Instance metadata by token only, and not through a pod's extra hop: pods get the roles of their ServiceAccounts.
resource "aws_launch_template" "this" {
  name_prefix            = "${var.name}-"
  update_default_version = true
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 40
      volume_type = "gp3"
      encrypted   = true
    }
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "parts"
  node_role_arn   = aws_iam_role.this["node"].arn
  subnet_ids      = var.subnet_ids
  instance_types  = [var.node_type]
  ami_type        = "AL2023_ARM_64_STANDARD"
  scaling_config {
    min_size     = var.nodes
    desired_size = var.nodes
    max_size     = var.nodes * 2
  }
  update_config { max_unavailable = 1 }
  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }
  depends_on = [aws_iam_role_policy_attachment.this]
}

resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}

output "name" { value = aws_eks_cluster.this.name }
output "security_group_id" { value = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id }
output "oidc_provider_arn" { value = aws_iam_openid_connect_provider.this.arn }
output "oidc_issuer" { value = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://") }
