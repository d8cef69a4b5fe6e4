#!/usr/bin/env node
// Stands outside dist so that `npm ci` links it before anything is built.
import "../dist/bin.js";
