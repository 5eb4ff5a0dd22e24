# Writes published_contrasts.json beside this script: every group of primary contrasts of
# data/published, joined, oriented, turned into effects and pooled in R. Run: Rscript published_contrasts.R
suppressMessages({library(metafor); library(jsonlite)})

TIGHT <- list(threshold = 1e-13, maxiter = 100000, tol = 1e-13)
WITHIN <- c(0.3, 0.5, 0.7)   # the correlation within the person, which nobody prints
LEVEL <- 0.95

folder <- file.path("..", "..", "data", "published")
table_of <- function(name) read.csv(file.path(folder, name), colClasses = "character", na.strings = "",
                                    encoding = "UTF-8", check.names = FALSE)
contrasts <- table_of("contrasts.csv"); outcomes <- table_of("outcomes.csv"); studies <- table_of("studies.csv")
stopifnot(!anyDuplicated(outcomes$outcome_id), !anyDuplicated(studies$study_id))

# joins: one end of a contrast is one row of outcomes
end_of <- function(ids) {
  rows <- outcomes[match(ids, outcomes$outcome_id), ]
  number <- function(column) as.numeric(rows[[column]])
  data.frame(arm = rows$arm_id, n = number("n"), mean = number("mean"), sd = number("sd"), events = number("events"))
}
primary <- contrasts[contrasts$primary == "yes", ]
t <- end_of(primary$treated_outcome_id); b <- end_of(primary$treated_baseline_outcome_id)
c_ <- end_of(primary$reference_outcome_id)
controlled <- !is.na(c_$arm) & c_$arm != t$arm
paired <- primary$paired == "yes"
sign <- ifelse(primary$orientation == "treated_better_if_lower", -1, 1)

# effects: g of two sides of one body is not in metafor 3.8; written out from Bonett (2008), eq. for
# paired samples, with Hedges' exact factor at the degrees of freedom of the mean of the two variances
factor_j <- function(m) gamma(m / 2) / (sqrt(m / 2) * gamma((m - 1) / 2))
paired_g <- function(i, r) {
  n <- pmin(t$n[i], c_$n[i]); v1 <- t$sd[i]^2; v0 <- c_$sd[i]^2
  s <- sqrt((v1 + v0) / 2)
  g <- factor_j(2 * (n - 1) / (1 + r^2)) * (t$mean[i] - c_$mean[i]) / s
  list(yi = g, vi = (v1 + v0 - 2 * r * sqrt(v1 * v0)) / (s^2 * (n - 1)) +
                    g^2 * (v1^2 + v0^2 + 2 * r^2 * v1 * v0) / (8 * s^4 * (n - 1)))
}
paired_rd <- function(i, r) {                   # metafor's MPRD wants the full table of pairs
  p1 <- t$events[i] / t$n[i]; p0 <- c_$events[i] / c_$n[i]
  stopifnot(t$n[i] == c_$n[i], p1 > 0, p1 < 1, p0 > 0, p0 < 1)
  list(yi = p1 - p0, vi = (p1 * (1 - p1) + p0 * (1 - p0) - 2 * r * sqrt(p1 * (1 - p1) * p0 * (1 - p0))) / t$n[i])
}
paired_or <- function(i, r) {
  cell <- c(t$events[i], t$n[i] - t$events[i], c_$events[i], c_$n[i] - c_$events[i])
  if (any(cell == 0)) cell <- cell + 0.5
  escalc("MPORM", ai = cell[1], bi = cell[2], ci = cell[3], di = cell[4], ri = r, add = 0)
}
effect_of <- function(i, measure, r) {
  e <- switch(measure,
    smc = escalc("SMCR", m1i = t$mean[i], m2i = b$mean[i], sd1i = b$sd[i], ni = t$n[i], ri = r),
    smd = if (paired[i]) paired_g(i, r) else
      escalc("SMD", m1i = t$mean[i], sd1i = t$sd[i], n1i = t$n[i], m2i = c_$mean[i], sd2i = c_$sd[i], n2i = c_$n[i], vtype = "LS"),
    md = if (paired[i])
      escalc("MC", m1i = t$mean[i], m2i = c_$mean[i], sd1i = t$sd[i], sd2i = c_$sd[i], ni = t$n[i], ri = r) else
      escalc("MD", m1i = t$mean[i], sd1i = t$sd[i], n1i = t$n[i], m2i = c_$mean[i], sd2i = c_$sd[i], n2i = c_$n[i]),
    odds_ratio = if (paired[i]) paired_or(i, r) else
      escalc("OR", ai = t$events[i], n1i = t$n[i], ci = c_$events[i], n2i = c_$n[i], add = 1/2, to = "only0"),
    risk_difference = if (paired[i]) paired_rd(i, r) else
      escalc("RD", ai = t$events[i], n1i = t$n[i], ci = c_$events[i], n2i = c_$n[i], add = 1/2, to = "only0"),
    proportion = escalc("PAS", xi = t$events[i], ni = t$n[i]),
    mean = , percent_change = escalc("MN", mi = t$mean[i], sdi = t$sd[i], ni = t$n[i]))
  turned <- if (measure %in% c("smc", "smd", "odds_ratio", "percent_change")) sign[i] else 1
  c(turned * as.numeric(e$yi), as.numeric(e$vi))
}

# back to the unit shown
shown <- function(x, measure) switch(measure,
  odds_ratio = exp(x), risk_difference = 100 * x, proportion = 100 * sin(pmin(pmax(x, 0), pi / 2))^2, x)

fit <- function(yi, vi) if (length(yi) == 1) rma(yi, vi, method = "REML", level = 100 * LEVEL) else
  rma(yi, vi, method = "REML", test = "adhoc", level = 100 * LEVEL, control = TIGHT)
exact_share <- function(i) {
  x <- binom.test(sum(t$events[i]), sum(t$n[i]), conf.level = LEVEL)
  list(estimate = 100 * x$estimate[[1]], ci_low = 100 * x$conf.int[1], ci_high = 100 * x$conf.int[2])
}
adds_up <- function(i, measure) measure == "proportion" &&
  (length(i) == 1 || sum(t$events[i]) == 0 || sum(t$events[i]) == sum(t$n[i]))

estimate_of <- function(i, measure, r) {
  if (adds_up(i, measure)) return(exact_share(i))
  e <- sapply(i, effect_of, measure = measure, r = r)
  x <- fit(e[1, ], e[2, ])
  list(estimate = shown(x$b[1], measure), ci_low = shown(x$ci.lb, measure), ci_high = shown(x$ci.ub, measure))
}
group_of <- function(i, measure, r) {
  out <- list(estimate = estimate_of(i, measure, r))
  if (length(i) > 1) {
    left <- lapply(seq_along(i), function(j) estimate_of(i[-j], measure, r))
    out$left_out <- setNames(left, primary$study_id[i])
  }
  if (length(i) == 1 || adds_up(i, measure)) return(out)
  e <- sapply(i, effect_of, measure = measure, r = r)
  x <- fit(e[1, ], e[2, ])
  p <- predict(x)
  between <- confint(x, control = list(tol = 1e-13, tau2.max = 1e6), verbose = FALSE)$random
  out$pooled <- list(
    prediction_low = shown(p$pi.lb, measure), prediction_high = shown(p$pi.ub, measure),
    tau2 = x$tau2, tau2_low = between["tau^2", "ci.lb"], tau2_high = between["tau^2", "ci.ub"],
    i2 = x$I2, i2_low = between["I^2(%)", "ci.lb"], i2_high = between["I^2(%)", "ci.ub"])
  if (length(i) >= 10) {
    egger <- regtest(e[1, ], e[2, ], model = "lm", level = 100 * LEVEL)
    out$egger <- list(estimate = coef(summary(egger$fit))[2, 1], p_value = egger$pval)
  }
  out
}

key <- paste(primary$claim_id, primary$measure, primary$endpoint, ifelse(controlled, "controlled", "uncontrolled"), sep = "|")
groups <- list()
for (name in sort(unique(key))) {
  i <- which(key == name)
  measure <- primary$measure[i[1]]
  stopifnot(!anyDuplicated(primary$study_id[i]),
            !(studies$design[match(primary$study_id[i], studies$study_id)] %in%
                c("meta_analysis", "systematic_review", "animal", "in_vitro")))
  people <- sum(t$n[i]) + sum(ifelse(paired[i] | is.na(c_$n[i]), 0, c_$n[i]))
  by_r <- lapply(WITHIN, function(r) group_of(i, measure, r))
  groups[[name]] <- list(k = length(i), people = people, studies = I(primary$study_id[i]),
                         by_r = setNames(by_r, sprintf("%g", WITHIN)))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/published_contrasts.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor"))),
  call = "rma(yi, vi, method='REML', test='adhoc'); binom.test(events, n) where counts are added up",
  level = LEVEL, groups = groups)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "published_contrasts.json")
