# The pipe as make targets, for a site's own Makefile:
#
#     ENV  := home
#     SITE := .
#     include /usr/local/share/pve-pipeline/pipeline.mk
#
# or directly: `make plan ENV=home NODE=pve1 SITE=~/site`. Every variable can be set on the command line.

# Directory of the site
SITE     ?= .
# Env or manifest to resolve
ENV      ?=
MANIFEST ?=
# Node and API endpoint [default: from the env, the manifest and nodes/]
NODE     ?=
ENDPOINT ?=
# Directory of images without a source [default: image-publish's default]
IMAGE_DIR ?=
# More options for one stage, such as APPLY_ARGS='--allow-reboot --wait ssh'
RESOLVE_ARGS ?=
PUBLISH_ARGS ?=
PLAN_ARGS    ?=
APPLY_ARGS   ?=
DESTROY_ARGS ?=
STATUS_ARGS  ?=
WAIT_ARGS    ?=
# `down` destroys the VMs on nested nodes, too, before the nodes: TIERS=1
TIERS ?=
# What `roundtrip` waits for: none, agent, ssh or cloud-init
WAIT     ?= ssh

# One word for the shell, whatever it contains; `~/` is the home directory.
_word    = '$(subst ','\'',$(patsubst ~/%,$(HOME)/%,$(1)))'
_option  = $(if $(2),$(1) $(call _word,$(2)))
_site    = $(call _option,--site,$(SITE))
_which   = $(if $(MANIFEST)$(ENV),$(call _option,--manifest,$(MANIFEST)) $(if $(MANIFEST),,$(call _option,--env,$(ENV))),$(error choose the VMs: ENV=NAME or MANIFEST=NAME))
_resolve = resolve $(_site) $(_which) $(call _option,--node,$(NODE)) $(call _option,--endpoint,$(ENDPOINT)) $(RESOLVE_ARGS)
# What pve-apply needs to create and change VMs, before images are published
_seeds   = mint-token $(_site) | cloudinit-render
_render  = $(_resolve) | $(_seeds)
_publish = image-publish $(call _option,--image-dir,$(IMAGE_DIR)) $(PUBLISH_ARGS)

# Nested nodes: each has a document of its own, with the VMs on it. The shell's `tier` is its name.
_manifest = $(if $(MANIFEST),$(call _option,--manifest,$(MANIFEST)),$(error choose the VMs: MANIFEST=NAME))
_list     = resolve list $(_site) $(_manifest) --names
_inner    = resolve $(_site) $(_manifest) --parent "$$tier" $(RESOLVE_ARGS)
_await    = pve-apply wait --pve $(_site) $(WAIT_ARGS)
# These say what to trust of the outer node; a nested one has its fingerprint in its node file.
_inside   = unset PVE_CA_FILE PVE_FINGERPRINT

.PHONY: plan apply apply-all destroy status roundtrip up down

plan: ## what apply would do; writes nothing (ENV=… or MANIFEST=…, NODE=… SITE=…)
	@$(_render) | $(_publish) --dry-run | pve-apply plan $(PLAN_ARGS)

apply: ## publish the images, create and change the VMs
	@$(_render) | $(_publish) | pve-apply apply $(APPLY_ARGS)

# Each names its node, so what names another one does not count: NODE, ENDPOINT and their variables.
# A name may contain blanks, so it is taken from the file at the end of its line.
apply-all: ## apply every env and manifest that names its node, one after the other
	@unset PVE_NODE PVE_ENDPOINT; \
	all=$$(resolve $(_site) list deployments) || exit; \
	printf '%s\n' "$$all" | { \
	status=0; applied=0; set --; \
	while read -r kind rest; do \
	    name=$${rest##*/}; name=$${name%.yaml}; \
	    node=$${rest#"$$name"}; node=$${node#"$${node%%[! ]*}"}; node=$${node%% *}; \
	    case $$node in \
	    '') continue ;; \
	    '(none)') result='left out: it names no node' ;; \
	    '(alternative)') result='left out: only one of its alternative_group exists at a time' ;; \
	    *) \
	        echo "apply-all: $$kind $$name" >&2; \
	        applied=$$((applied + 1)); \
	        resolve $(_site) "--$$kind" "$$name" $(RESOLVE_ARGS) </dev/null | $(_seeds) | $(_publish) | pve-apply apply $(APPLY_ARGS); \
	        code=$$?; \
	        if [ "$$code" -eq 0 ]; then result=ok; else result="failed with exit code $$code"; status=1; fi ;; \
	    esac; \
	    set -- "$$@" "$$kind $$name: $$result"; \
	done; \
	if [ "$$applied" -eq 0 ]; then set -- "$$@" 'no env or manifest names its node'; status=1; fi; \
	echo 'apply-all: summary' >&2; printf '  %s\n' "$$@" >&2; \
	exit "$$status"; }

destroy: ## destroy the VMs; asks first
	@$(_resolve) | pve-apply destroy $(DESTROY_ARGS)

status: ## power, drift and addresses of the VMs
	@$(_render) | pve-apply status $(STATUS_ARGS)

# After a failure the VMs are kept for inspection.
roundtrip: ## test the whole pipe: apply, wait, verify that there is nothing left to do, destroy
	@$(_render) | $(_publish) | pve-apply apply --wait $(WAIT) $(APPLY_ARGS)
	@$(_render) | $(_publish) | pve-apply plan --expect-no-changes
	@$(_resolve) | pve-apply destroy --yes $(DESTROY_ARGS)

up: ## apply, then the VMs on each nested node once it runs, to any depth (MANIFEST=…)
	@tiers=$$($(_list) tiers) || exit; \
	$(_render) | $(_publish) | pve-apply apply $(APPLY_ARGS) || exit; \
	$(_resolve) | $(_await) || exit; \
	$(_inside); \
	for tier in $$tiers; do \
	    $(_inner) | mint-token $(_site) | cloudinit-render | $(_publish) | pve-apply apply $(APPLY_ARGS) || exit; \
	    $(_inner) | $(_await) || exit; \
	done

# The VMs on a nested node vanish with its disks; their volumes on shared storage do not.
down: ## destroy the VMs of `up`; asks first; with TIERS=1 those on nested nodes one by one (MANIFEST=…)
	@tiers=$$($(_list) tiers) && vms=$$($(_list) vms) || exit; \
	inward=; for tier in $(if $(TIERS),$$tiers); do inward="$$tier $$inward"; done; \
	for tier in $$inward; do \
	    ($(_inside); $(_inner) | pve-apply destroy $(DESTROY_ARGS)) || exit; \
	done; \
	$(_resolve) | pve-apply destroy $(DESTROY_ARGS) || exit; \
	for vm in $$vms; do \
	    for file in $(call _word,$(SITE))/nodes/"$$vm".yaml $(call _word,$(SITE))/secrets.d/"$$vm".yaml; do \
	        ! head -n 1 "$$file" 2>/dev/null | grep -q '^# Written by pve-apply wait --pve[.]' || rm "$$file" || exit; \
	    done; \
	done
