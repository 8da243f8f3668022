"""Who can sign in to the local stack: three businesses, two operators and a content admin.

The first two show their members each program at once; the third leaves the default of a business as it is, so that its
programs wait for a clinician's review.
"""

from infra.local.identities import Login

# Printed at every start and the same everywhere: they open nothing but a stack on this machine.
LOGINS = (
    Login("owner@acme.example", "demo-acme-owner", "business_owner", "acme", "business"),
    Login("clinician@acme.example", "demo-acme-clinician", "clinician", "acme", "business"),
    Login("member@acme.example", "demo-acme-member", "member", "acme", "business"),
    Login("owner@globex.example", "demo-globex-owner", "business_owner", "globex", "business"),
    Login("member@globex.example", "demo-globex-member", "member", "globex", "business"),
    Login("clinician@harbour.example", "demo-harbour-clinician", "clinician", "harbour", "business", review=True),
    Login("member@harbour.example", "demo-harbour-member", "member", "harbour", "business", review=True),
    Login("content@ffp.example", "demo-ffp-content", "content_admin", "", ""),
    Login("operator@ffp.example", "demo-ffp-operator", "operator", "", ""),
    Login("operator-2@ffp.example", "demo-ffp-operator-2", "operator", "", ""),
)
