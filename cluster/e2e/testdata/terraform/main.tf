# Every resource that the provider has for KMS, in two Regions, with no skip_* argument of the provider.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "changed" { default = false }

provider "aws" {
  region     = "us-east-1"
  access_key = "AKIAALICEEXAMPLE0001"
  secret_key = "alices-secret-for-tests"
  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }
}

provider "aws" {
  alias      = "west"
  region     = "eu-west-1"
  access_key = "AKIAALICEEXAMPLE0001"
  secret_key = "alices-secret-for-tests"
  endpoints {
    kms = var.endpoint
    sts = var.endpoint
  }
  assume_role { role_arn = "arn:aws:iam::111122223333:role/builder" }
}

data "aws_caller_identity" "east" {}
data "aws_caller_identity" "west" { provider = aws.west }

data "aws_iam_policy_document" "key" {
  statement {
    sid       = var.changed ? "AccountChanged" : "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.east.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "primary" {
  description             = var.changed ? "primary, changed" : "primary"
  multi_region            = true
  enable_key_rotation     = true
  rotation_period_in_days = var.changed ? 90 : 180
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = var.changed ? { team = "audit", stage = "test" } : { team = "billing" }
}

resource "aws_kms_replica_key" "west" {
  provider                = aws.west
  description             = var.changed ? "replica, changed" : "replica"
  primary_key_arn         = aws_kms_key.primary.arn
  deletion_window_in_days = 7
  tags                    = { team = "west" }
}

resource "aws_kms_alias" "billing" {
  name          = "alias/billing"
  target_key_id = var.changed ? aws_kms_external_key.imported.id : aws_kms_key.primary.key_id
}

resource "aws_kms_grant" "app" {
  name              = "app"
  key_id            = aws_kms_key.primary.key_id
  grantee_principal = "arn:aws:iam::111122223333:role/app"
  operations        = var.changed ? ["Encrypt", "Decrypt", "ReEncryptFrom"] : ["Encrypt", "Decrypt"]
  constraints { encryption_context_equals = { department = "finance" } }
}

resource "aws_kms_external_key" "imported" {
  description             = "imported"
  multi_region            = true
  enabled                 = true
  deletion_window_in_days = 7
  key_material_base64     = "Wblj06fduthWggmsT0cLVoIMOkeLbc2kVfMud77i/JY="
}

resource "aws_kms_replica_external_key" "imported" {
  provider                = aws.west
  primary_key_arn         = aws_kms_external_key.imported.arn
  enabled                 = true
  deletion_window_in_days = 7
  key_material_base64     = "Wblj06fduthWggmsT0cLVoIMOkeLbc2kVfMud77i/JY="
}

resource "aws_kms_key" "signing" {
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = 7
  is_enabled               = !var.changed
}

resource "aws_kms_key_policy" "signing" {
  key_id = aws_kms_key.signing.id
  policy = data.aws_iam_policy_document.key.json
}

resource "aws_kms_ciphertext" "hello" {
  key_id    = aws_kms_key.primary.key_id
  plaintext = "hello"
  context   = { purpose = "test" }
}

data "aws_kms_secrets" "hello" {
  secret {
    name    = "hello"
    payload = aws_kms_ciphertext.hello.ciphertext_blob
    context = { purpose = "test" }
  }
}

data "aws_kms_key" "by_alias" {
  key_id     = "alias/billing"
  depends_on = [aws_kms_alias.billing]
}

data "aws_kms_alias" "billing" {
  name       = "alias/billing"
  depends_on = [aws_kms_alias.billing]
}

output "east" { value = data.aws_caller_identity.east.arn }
output "west" { value = data.aws_caller_identity.west.account_id }
output "hello" { value = nonsensitive(data.aws_kms_secrets.hello.plaintext["hello"]) }
output "target" { value = data.aws_kms_alias.billing.target_key_id }
output "primary" { value = aws_kms_key.primary.key_id }
output "imported" { value = aws_kms_external_key.imported.id }
