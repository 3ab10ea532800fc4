# A behavior graph with a member that accepts through a role. Its administrator also manages the organization, because
# each account more would take seconds in each command.

terraform {
  required_providers {
    # Both are the AWS provider: one that is started by hand has one configuration only.
    aws    = { source = "example/administrator" }
    member = { source = "example/member" }
  }
}

variable "url" { type = string }

variable "administrator" { type = object({ id = string, key = string, secret = string }) }

variable "member" { type = object({ id = string, email = string, role = string }) }

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = var.administrator.key
  secret_key                  = var.administrator.secret
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
  max_retries                 = 1
  default_tags { tags = { team = "secops" } }
  endpoints {
    detective = var.url
    sts       = var.url
  }
}

provider "member" {
  region                      = "eu-west-1"
  access_key                  = var.administrator.key
  secret_key                  = var.administrator.secret
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_credentials_validation = true
  max_retries                 = 1
  assume_role {
    role_arn    = var.member.role
    external_id = "of-our-own"
  }
  endpoints {
    detective = var.url
    sts       = var.url
  }
}

resource "aws_detective_graph" "this" {
  tags = { stage = "test" }
}

resource "aws_detective_member" "this" {
  graph_arn                  = aws_detective_graph.this.graph_arn
  account_id                 = var.member.id
  email_address              = var.member.email
  message                    = "Please join."
  disable_email_notification = true
}

resource "aws_detective_invitation_accepter" "this" {
  provider   = member
  graph_arn  = aws_detective_graph.this.graph_arn
  depends_on = [aws_detective_member.this]
}

resource "aws_detective_organization_admin_account" "this" {
  account_id = var.administrator.id
  depends_on = [aws_detective_graph.this]
}

resource "aws_detective_organization_configuration" "this" {
  graph_arn   = aws_detective_graph.this.graph_arn
  auto_enable = true
  depends_on  = [aws_detective_organization_admin_account.this]
}
