# The pipe as make targets, for a site's own Makefile:
#
#     ENV  := home
#     SITE := .
#     include /usr/local/share/pve-pipeline/pipeline.mk
#
# or at once: `make plan ENV=home NODE=pve1 SITE=~/site`. Every variable can be set on the command line.

# Directory of the site
SITE     ?= .
# Env or manifest to resolve
ENV      ?=
MANIFEST ?=
# Node and API endpoint [default: what the env, the manifest and nodes/ say]
NODE     ?=
ENDPOINT ?=
# Where images without a source are [default: image-publish's own]
IMAGE_DIR ?=
# More options of one stage, such as APPLY_ARGS='--allow-reboot --wait ssh'
RESOLVE_ARGS ?=
PUBLISH_ARGS ?=
PLAN_ARGS    ?=
APPLY_ARGS   ?=
DESTROY_ARGS ?=
STATUS_ARGS  ?=
# What `roundtrip` waits for: none, agent, ssh or cloud-init
WAIT     ?= ssh

_which   = $(if $(MANIFEST),--manifest $(MANIFEST),$(if $(ENV),--env $(ENV),$(error say which VMs: ENV=NAME or MANIFEST=NAME)))
_resolve = resolve --site $(SITE) $(_which) $(if $(NODE),--node $(NODE)) $(if $(ENDPOINT),--endpoint $(ENDPOINT)) $(RESOLVE_ARGS)
# What pve-apply needs to make and change VMs, before the images are there
_render  = $(_resolve) | mint-token --site $(SITE) | cloudinit-render
_publish = image-publish $(if $(IMAGE_DIR),--image-dir $(IMAGE_DIR)) $(PUBLISH_ARGS)

.PHONY: plan apply destroy status roundtrip

plan: ## what apply would do; writes nothing (ENV=… or MANIFEST=…, NODE=… SITE=…)
	@$(_render) | $(_publish) --dry-run | pve-apply plan $(PLAN_ARGS)

apply: ## publish the images, make and change the VMs
	@$(_render) | $(_publish) | pve-apply apply $(APPLY_ARGS)

destroy: ## destroy the VMs; asks first
	@$(_resolve) | pve-apply destroy $(DESTROY_ARGS)

status: ## power, drift and addresses of the VMs
	@$(_render) | pve-apply status $(STATUS_ARGS)

# A failure leaves the VMs as they are, to be looked at.
roundtrip: ## a test of the whole way: apply, wait, verify that nothing is left to do, destroy
	@$(_render) | $(_publish) | pve-apply apply --wait $(WAIT) $(APPLY_ARGS)
	@$(_render) | $(_publish) | pve-apply plan --expect-no-changes
	@$(_resolve) | pve-apply destroy --yes $(DESTROY_ARGS)
