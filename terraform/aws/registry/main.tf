# The model registry's bucket, and the two roles that Kubernetes' ServiceAccounts take: setup and trainer write, the others read.
variable "name" { type = string }
variable "key_arn" { type = string }
variable "oidc_provider_arn" { type = string }
variable "oidc_issuer" { type = string }

locals {
  roles = {
    writer = { accounts = ["setup", "trainer"], actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], key = ["kms:Decrypt", "kms:GenerateDataKey"] }
    reader = { accounts = ["synthesizer", "scorer", "sink", "monitor", "api"], actions = ["s3:GetObject"], key = ["kms:Decrypt"] }
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:who reads is in CloudTrail's data events, where an account has them
  #checkov:skip=CKV_AWS_144:a registry is rebuilt by training; versioning guards against deletion
  #checkov:skip=CKV2_AWS_62:nobody waits for events of it
  bucket_prefix = "${var.name}-registry-"
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration { noncurrent_days = 90 }
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.tls_only.json
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:sub"
      values   = [for account in each.value.accounts : "system:serviceaccount:churnstream:${account}"]
    }
    condition {
      test     = "StringEquals"
      variable = "${var.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "access" {
  for_each = local.roles
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]
  }
  statement {
    actions   = each.value.actions
    resources = ["${aws_s3_bucket.this.arn}/*"]
  }
  statement {
    actions   = each.value.key
    resources = [var.key_arn]
  }
}

resource "aws_iam_role" "this" {
  for_each           = local.roles
  name               = "${var.name}-registry-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles
  name     = "registry"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.access[each.key].json
}

output "bucket" { value = aws_s3_bucket.this.id }
output "roles" { value = { for name, role in aws_iam_role.this : name => role.arn } }
