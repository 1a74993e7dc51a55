#!/bin/sh
echo shell "$1"
