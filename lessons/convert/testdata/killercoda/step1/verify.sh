#!/bin/bash
kubectl get deployment shop
