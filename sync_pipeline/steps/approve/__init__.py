"""approve: a plan waits for a person's yes. An approval is bound to a hash, expires and is spent once.

approvals   granted, spent in the transaction that makes the queue, withdrawn
policies    approvals in advance, within limits
verdict     what the policies say to a plan, in words
answers     how agents would answer gates, for a person to accept
migrations  of the deployment: proposed, tried, approved by hash, applied (imported by its own name)
"""

from sync_pipeline.steps.approve.answers import (
    ProposedAnswer,
    accept_answer,
    propose_answer,
    proposed_answers,
    withdraw_answer,
)
from sync_pipeline.steps.approve.approvals import (
    Approval,
    Subject,
    approvals,
    approve,
    grant,
    spend,
    spend_on_plan,
    withdraw_approval,
)
from sync_pipeline.steps.approve.policies import (
    ACTIONS,
    RISKS,
    ApprovalPolicy,
    Limits,
    add_policy,
    pause_policies,
    policies,
    resume_policy,
    revoke_policy,
)
from sync_pipeline.steps.approve.verdict import PolicyVerdict, verdict
