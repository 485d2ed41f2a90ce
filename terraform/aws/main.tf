# One key for all that is stored.
resource "aws_kms_key" "this" {
  description             = "${var.name}: everything at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

data "aws_caller_identity" "this" {}

# The account's own policies decide who may use the key.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:the key's own policy; its resource is the key alone
  #checkov:skip=CKV_AWS_111:the key's own policy; its resource is the key alone
  #checkov:skip=CKV_AWS_356:the key's own policy; its resource is the key alone
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"]
    }
  }
  # CloudWatch takes a log group with a key only when it may use the key.
  statement {
    actions   = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:aws:logs:${var.region}:${data.aws_caller_identity.this.account_id}:log-group:/msk/${var.name}"]
    }
  }
}

module "cluster" {
  source     = "./cluster"
  name       = var.name
  subnet_ids = var.subnet_ids
  key_arn    = aws_kms_key.this.arn
  nodes      = var.sizes.nodes
  node_type  = var.sizes.node_type
}

module "stream" {
  source            = "./stream"
  name              = var.name
  vpc_id            = var.vpc_id
  subnet_ids        = slice(var.subnet_ids, 0, 3)
  key_arn           = aws_kms_key.this.arn
  client_group_id   = module.cluster.security_group_id
  broker_type       = var.sizes.broker_type
  broker_gb         = var.sizes.broker_gb
  scram_secret_arns = var.scram_secret_arns
  acls_in_place     = var.acls_in_place
}

module "database" {
  source          = "./database"
  name            = var.name
  vpc_id          = var.vpc_id
  subnet_ids      = var.subnet_ids
  key_arn         = aws_kms_key.this.arn
  client_group_id = module.cluster.security_group_id
  instance        = var.sizes.database
  storage_gb      = var.sizes.database_gb
}

module "registry" {
  source            = "./registry"
  name              = var.name
  key_arn           = aws_kms_key.this.arn
  oidc_provider_arn = module.cluster.oidc_provider_arn
  oidc_issuer       = module.cluster.oidc_issuer
}
