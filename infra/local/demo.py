"""Who can sign in to the local stack: two businesses and one operator."""

from infra.local.identities import Login

# Printed at every start and the same everywhere: they open nothing but a stack on this machine.
LOGINS = (
    Login("owner@acme.example", "demo-acme-owner", "business_owner", "acme", "business"),
    Login("clinician@acme.example", "demo-acme-clinician", "clinician", "acme", "business"),
    Login("member@acme.example", "demo-acme-member", "member", "acme", "business"),
    Login("owner@globex.example", "demo-globex-owner", "business_owner", "globex", "business"),
    Login("member@globex.example", "demo-globex-member", "member", "globex", "business"),
    Login("operator@ffp.example", "demo-ffp-operator", "operator", "", ""),
)
