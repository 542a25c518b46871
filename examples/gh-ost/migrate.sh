#!/bin/sh
# A schema migration that waits while the rollout of checkout in namespace shop is not
# well, and goes on when it is. gh-ost asks ten times a second and goes on only while
# the answer is 200; the token is the password in the URL, and its user is not read.
set -eu

gh-ost \
  --host=db.example.com --database=shop --table=orders \
  --alter="ADD COLUMN coupon VARCHAR(40)" \
  --throttle-http="https://gh-ost:${SERIN_TOKEN}@serin.example.com/throttle/shop/checkout" \
  --throttle-http-interval-millis=1000 \
  --serve-socket-file=/tmp/gh-ost.orders.sock \
  --panic-flag-file=/tmp/gh-ost.orders.panic \
  --postpone-cut-over-flag-file=/tmp/gh-ost.orders.postpone \
  --execute
