mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/mock" }
  }
  mock_resource "aws_msk_cluster" {
    defaults = { arn = "arn:aws:kafka:eu-west-1:123456789012:cluster/mock/1" }
  }
  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-west-1:123456789012:configuration/mock/1", latest_revision = 1 }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { identity = [{ oidc = [{ issuer = "https://oidc.example.com/id/1" }] }] }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/1" }
  }
  mock_resource "aws_db_instance" {
    defaults = { master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mock" }] }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
  }
}

variables {
  region     = "eu-west-1"
  vpc_id     = "vpc-1"
  subnet_ids = ["subnet-1", "subnet-2", "subnet-3", "subnet-4"]
}

run "everything_is_made_and_connected" {
  command = apply
  assert {
    condition     = output.database_secret == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mock"
    error_message = "the owner's password is RDS's"
  }
  assert {
    condition     = sort(keys(output.registry_roles)) == tolist(["reader", "writer"])
    error_message = "one role reads the registry, one writes it"
  }
  assert {
    condition     = output.cluster == "churnstream"
    error_message = "the cluster has the project's name"
  }
}

run "kafka_refuses_users_without_rights_once_the_rights_are_there" {
  command = plan
  variables { acls_in_place = true }
  assert {
    condition     = strcontains(module.stream.server_properties, "allow.everyone.if.no.acl.found=false")
    error_message = "a user without an ACL is let in"
  }
}

run "two_zones_are_refused" {
  command = plan
  variables { subnet_ids = ["subnet-1", "subnet-2"] }
  expect_failures = [var.subnet_ids]
}
