//! Accounts, devices, logins, names, key packages.
