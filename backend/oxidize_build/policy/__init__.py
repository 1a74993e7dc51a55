"""What of the collected resources is packed, where it is placed, and in which form."""

from oxidize_build.policy.apply import LeftOut, Policy, PolicyResult, apply_policy, treat_main
from oxidize_build.policy.pruning import Pruning

__all__ = ["LeftOut", "Policy", "PolicyResult", "Pruning", "apply_policy", "treat_main"]
