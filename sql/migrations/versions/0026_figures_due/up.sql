-- Customers whose figures a queue has yet to compute. Figures count all captured orders of a customer, whose orders may be in
-- many batches: they are computed once, with the queue's last lines.
CREATE TABLE promote.figures_due (
    org_id bigint NOT NULL,
    queue_id uuid NOT NULL,
    customer_id bigint NOT NULL,
    PRIMARY KEY (org_id, queue_id, customer_id)
);
CALL connect.isolate('promote.figures_due');
