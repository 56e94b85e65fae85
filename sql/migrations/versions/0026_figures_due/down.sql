DROP TABLE promote.figures_due;
