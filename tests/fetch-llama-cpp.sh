#!/usr/bin/env bash
# Puts llama.cpp's libraries into the cache: its greedy tokens are compared with the server's.
exec "$(dirname "${BASH_SOURCE[0]}")/../loadtests/peers/llama-cpp/fetch.sh"
