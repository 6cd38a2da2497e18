# The variables of the OpenTofu module that the document comes from, with their types, defaults and validations,
# written from docs/pipeline.md and the behavior of that module; it has no resources, so it needs no provider.

variable "node" {
  type = string
}

variable "api_endpoint" {
  type = string
}

variable "api_token" {
  type      = string
  sensitive = true
}

variable "ssh_user" {
  type    = string
  default = "root"
}

variable "automation_user" {
  type    = string
  default = "homestak"
}

variable "ssh_host" {
  type    = string
  default = "127.0.0.1"
}

variable "datastore" {
  type    = string
  default = "local-zfs"
}

variable "root_password" {
  type      = string
  sensitive = true
  default   = ""
}

variable "ssh_keys" {
  type      = list(string)
  sensitive = true
  default   = []
}

variable "spec_server" {
  type    = string
  default = ""
}

variable "images" {
  type    = map(string)
  default = {}
}

variable "vms" {
  type = list(object({
    name       = string
    vmid       = optional(number)
    image      = string
    cores      = number
    memory     = number
    disk       = number
    bridge     = optional(string, "vmbr0")
    ip         = optional(string, "dhcp")
    gateway    = optional(string)
    packages   = optional(list(string), [])
    spec       = optional(string, "")
    auth_token = optional(string, "")
  }))

  validation {
    condition     = alltrue([for vm in var.vms : vm.cores >= 1 && vm.cores <= 128])
    error_message = "VM cores must be between 1 and 128."
  }

  validation {
    condition     = alltrue([for vm in var.vms : vm.memory >= 512])
    error_message = "VM memory must be at least 512 MB."
  }

  validation {
    condition     = alltrue([for vm in var.vms : vm.disk >= 1])
    error_message = "VM disk must be at least 1 GB."
  }

  validation {
    condition     = alltrue([for vm in var.vms : can(regex("^[a-z][a-z0-9-]*$", vm.name))])
    error_message = "VM names must start with a lowercase letter and contain only lowercase letters, numbers, and hyphens."
  }
}

output "vms" {
  value     = { for vm in var.vms : vm.name => vm }
  sensitive = true
}
