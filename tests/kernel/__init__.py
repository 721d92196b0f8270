"""The appliance on a real kernel: USB sticks made of gadgets, in a virtual machine (`scripts/kernel-trial`)."""
