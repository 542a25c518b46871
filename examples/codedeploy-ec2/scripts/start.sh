#!/usr/bin/env bash
set -euo pipefail
systemctl restart checkout
