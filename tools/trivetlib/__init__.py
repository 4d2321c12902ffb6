# SPDX-License-Identifier: Apache-2.0
"""What tools/trivet is made of; tests and benchmarks use the same modules."""
