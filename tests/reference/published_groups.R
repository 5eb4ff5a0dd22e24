# Writes published_groups.json beside this script: every group of primary contrasts and add-on trials of
# data/published that may be pooled, joined, oriented, turned into effects and pooled in R.
# Run: Rscript published_groups.R
suppressMessages({library(metafor); library(VGAM); library(jsonlite)})

TIGHT <- list(threshold = 1e-13, maxiter = 100000, tol = 1e-13)
WITHIN <- c(0.3, 0.5, 0.7)   # the correlation within the person, where none is derived
LEVEL <- 0.95
FEW <- 5
RANDOMISED <- c("rct_parallel", "rct_split_body")
COMPARING <- c("responder_vs_untreated", "needled_side_better")   # the outcome itself compares two sides
# ranges of instruments in points where none is printed with the figures, see evidence.toml
KNOWN <- list("Lemperle wrinkle scale" = c(0, 5), "Alexiades-Armenakas laxity scale (modified)" = c(0, 4),
              "Alexiades-Armenakas texture scale (modified)" = c(0, 4))
PRIOR <- list(smd = 0.5, smc = 0.5, odds_ratio = 0.9, risk_difference = 0.1)

folder <- file.path("..", "..", "data", "published")
table_of <- function(name) read.csv(file.path(folder, name), colClasses = "character", na.strings = "",
                                    encoding = "UTF-8", check.names = FALSE)
contrasts <- table_of("contrasts.csv"); add_on <- table_of("add_on.csv")
outcomes <- table_of("outcomes.csv"); studies <- table_of("studies.csv")
arms <- table_of("arms.csv"); basis <- table_of("zero_basis.csv")
derived <- if (file.exists(file.path(folder, "correlations.csv"))) table_of("correlations.csv") else
  data.frame(contrast_id = character(), r_derived = character(), r_low = character(), r_high = character())
stopifnot(!anyDuplicated(outcomes$outcome_id), !anyDuplicated(studies$study_id))

# joins: one end of a contrast is one row of outcomes
end_of <- function(ids) {
  rows <- outcomes[match(ids, outcomes$outcome_id), ]
  number <- function(column) as.numeric(rows[[column]])
  arm <- arms[match(paste(rows$study_id, rows$arm_id), paste(arms$study_id, arms$arm_id)), ]
  data.frame(arm = rows$arm_id, n = number("n"), mean = number("mean"), sd = number("sd"), events = number("events"),
             instrument = rows$instrument, range = rows$instrument_range, label = arm$label, adjunct = arm$adjunct,
             substance = arm$adjunct_detail, basis = basis$basis[match(ids, basis$outcome_id)])
}
contrasts$add_on <- FALSE; add_on$add_on <- TRUE
primary <- rbind(contrasts, add_on[names(contrasts)])
primary <- primary[primary$primary == "yes", ]
t <- end_of(primary$treated_outcome_id); b <- end_of(primary$treated_baseline_outcome_id)
c_ <- end_of(primary$reference_outcome_id)
study <- studies[match(primary$study_id, studies$study_id), ]
controlled <- (!is.na(c_$arm) & c_$arm != t$arm) | primary$endpoint %in% COMPARING
design <- ifelse(!controlled, "one group", ifelse(study$design %in% RANDOMISED, "randomised", "not randomised"))
paired <- primary$paired == "yes"
sign <- ifelse(primary$orientation == "treated_better_if_lower", -1, 1)

# what was given with the needling; of an add-on trial what both ends received
blank <- function(x) ifelse(is.na(x), "", x)
given <- blank(ifelse(t$adjunct == "other", t$substance, t$adjunct))
given[primary$modality == "plain" | given == "none"] <- ""
given[primary$add_on] <- blank(c_$label)[primary$add_on]
ends_of_scale <- function(i) {
  found <- regmatches(blank(t$range[i]), regexec("^\\s*(-?[0-9.]+)\\s*(-|to)\\s*([0-9.]+)", blank(t$range[i])))[[1]]
  if (length(found)) as.numeric(found[c(2, 4)]) else KNOWN[[blank(t$instrument[i])]]
}
points_of <- sapply(seq_along(t$arm), function(i) {
  if (!(primary$measure[i] %in% c("md", "mean"))) return("")
  ends <- ends_of_scale(i)
  paste0(blank(t$instrument[i]), if (length(ends)) sprintf(" %g to %g", ends[1], ends[2]))
})

# correlation within the person: derived, else assumed and held within what the figures allow
at <- match(primary$contrast_id, derived$contrast_id)
r_known <- as.numeric(derived$r_derived)[at]
bound <- function(column, open) { x <- as.numeric(derived[[column]])[at]; ifelse(is.na(x), open, x) }
r_low <- bound("r_low", -1); r_high <- bound("r_high", 1)
every <- rbind(contrasts, add_on[names(contrasts)])     # one a study: two claims have the same figures twice
every$r <- as.numeric(derived$r_derived)[match(every$contrast_id, derived$contrast_id)]
every <- every[!is.na(every$r), ]; every <- every$r[!duplicated(every$study_id)]
USUAL <- if (length(every) > 1) round(median(every), 2) else 0.5
phi_bounds <- function(x, y, n) {                       # what the counts of both sides of n people allow
  spread <- sqrt(x * (n - x) * y * (n - y))
  if (spread == 0) c(0, 0) else (n * c(max(0, x + y - n), min(x, y)) - x * y) / spread
}
r_of <- function(i, r) {
  r <- if (!is.na(r_known[i])) r_known[i] else min(max(r, r_low[i]), r_high[i])
  if (!(primary$measure[i] %in% c("odds_ratio", "risk_difference")) || !paired[i]) return(r)
  ends <- phi_bounds(t$events[i], c_$events[i], t$n[i])
  min(max(r, ends[1]), ends[2])
}

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
  r <- r_of(i, r)
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
    mean = escalc("MN", mi = t$mean[i], sdi = t$sd[i], ni = t$n[i]))
  turned <- if (measure %in% c("smc", "smd", "odds_ratio", "percent_change")) sign[i] else 1
  c(turned * as.numeric(e$yi), as.numeric(e$vi))
}

# back to the unit shown, and no further than the end of the scale
reach_of <- function(i, measure) {
  ends <- ends_of_scale(i[1])
  if (measure == "risk_difference") return(c(-100, 100))
  if (primary$claim_id[i[1]] == "short-downtime") return(c(0, Inf))            # days
  if (!(measure %in% c("md", "mean")) || !length(ends)) return(c(-Inf, Inf))
  if (primary$endpoint[i[1]] %in% c("pain_0_10", "improvement_vas_0_10")) ends else c(-1, 1) * diff(ends)
}
shown <- function(x, i, measure) {
  x <- switch(measure, odds_ratio = exp(x), risk_difference = 100 * x, x)
  reach <- reach_of(i, measure)
  as.list(pmin(pmax(x, reach[1]), reach[2]))
}

# a few studies: every probability is its own integral over tau, as in pooling_prior.R
posterior <- function(yi, vi, scale) {
  given <- function(tau) { w <- 1 / (vi + tau^2); c(mean = sum(w * yi) / sum(w), var = 1 / sum(w)) }
  height <- function(tau) {
    g <- given(tau)
    sum(dnorm(yi, g[["mean"]], sqrt(vi + tau^2), log = TRUE)) + 0.5 * log(g[["var"]]) - tau^2 / (2 * scale^2)
  }
  grid <- seq(0, 40 * scale, length.out = 4001)
  heights <- sapply(grid, height); top <- max(heights)
  end <- max(grid[heights > top - 50]) + 0.01 * scale
  cuts <- sort(unique(c(seq(0, end, length.out = 25), pmin(end, sqrt(min(vi)) * 2^(-3:8)))))
  over <- function(f, a = 0, b = end) {
    at <- c(a, cuts[cuts > a & cuts < b], b)
    sum(sapply(seq_len(length(at) - 1), function(j) integrate(
      Vectorize(function(x) exp(height(x) - top) * f(x)), at[j], at[j + 1], rel.tol = 1e-12, abs.tol = 0)$value))
  }
  total <- over(function(x) 1)
  mean_of <- function(f) over(f) / total
  mu <- function(x) given(x)[["mean"]]; var <- function(x) given(x)[["var"]]
  quantile_of <- function(level, spread) {
    below <- function(q) mean_of(function(x) pnorm(q, mu(x), sqrt(spread(x)))) - level
    uniroot(below, mu(0.5) + c(-1, 1) * 30 * sqrt(var(2) + 1), extendInt = "upX", tol = 1e-11)$root
  }
  levels <- c((1 - LEVEL) / 2, (1 + LEVEL) / 2)
  list(estimate = quantile_of(0.5, var), ci = sapply(levels, quantile_of, spread = var),
       prediction = sapply(levels, quantile_of, spread = function(x) var(x) + x^2),
       tau = uniroot(function(x) over(function(y) 1, 0, x) / total - 0.5, c(1e-9, end), tol = 1e-11)$root)
}
ends_named <- function(x) setNames(x, c("estimate", "ci_low", "ci_high"))

# counts of two groups of other people, one study: the conditional odds ratio with exact limits by the
# noncentral hypergeometric distribution, and Miettinen and Nurminen's limits by brute force, as in pooled_counts.R
by_counts <- function(i, measure) {
  cell <- cbind(t$events[i], t$n[i] - t$events[i], c_$events[i], c_$n[i] - c_$events[i])
  measure %in% c("odds_ratio", "risk_difference") && !any(paired[i]) && (length(i) == 1 || any(cell == 0))
}
exact_ratio <- function(e1, n1, e0, n0) {
  m <- e1 + e0; k <- max(0, m - n0):min(m, n1); d <- dhyper(k, n1, n0, m)
  stopifnot(e1 > min(k), e1 < max(k))
  at <- function(x) { w <- log(d) + x * k; w <- exp(w - max(w)); w / sum(w) }
  root <- function(g) exp(uniroot(g, c(-30, 30), tol = 1e-13)$root)
  c(root(function(x) sum(k * at(x)) - e1), root(function(x) sum(at(x)[k >= e1]) - (1 - LEVEL) / 2),
    root(function(x) sum(at(x)[k <= e1]) - (1 - LEVEL) / 2))
}
score_limits <- function(e1, n1, e0, n0) {
  z <- qnorm((1 + LEVEL) / 2); d <- e1 / n1 - e0 / n0; N <- n1 + n0
  part <- function(e, p) if (e == 0) 0 else e / p
  score <- function(delta) {
    slope <- function(p0) part(e1, p0 + delta) - part(n1 - e1, 1 - p0 - delta) + part(e0, p0) - part(n0 - e0, 1 - p0)
    a <- max(0, -delta); b <- min(1, 1 - delta); w <- (b - a) * 1e-9
    p0 <- if (slope(a + w) <= 0) a else if (slope(b - w) >= 0) b else uniroot(slope, c(a + w, b - w), tol = 1e-15, maxiter = 5000)$root
    p1 <- p0 + delta
    (d - delta) / sqrt(max((p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * N / (N - 1), 1e-300))
  }
  root <- function(side, a, b) uniroot(function(x) score(x) - side * z, c(a, b), tol = 1e-13)$root
  100 * c(d, root(1, -1 + 1e-6, d), root(-1, d, 1 - 1e-6))
}
two_counts <- function(i, measure) {
  stopifnot(length(i) == 1)
  ends <- list(t$events[i], t$n[i], c_$events[i], c_$n[i])
  if (measure == "odds_ratio" && sign[i] < 0) ends <- ends[c(3, 4, 1, 2)]
  ends_named(as.list(do.call(if (measure == "odds_ratio") exact_ratio else score_limits, ends)))
}

# rates: beta-binomial by VGAM's density, maxima by optimize, limits by uniroot, as in pooled_rates.R
MOST <- 1 / 3
loglik <- function(x, n, mu, rho) {
  if (mu <= 0) return(if (all(x == 0)) 0 else -Inf)
  if (mu >= 1) return(if (all(x == n)) 0 else -Inf)
  if (rho < 1e-6) return(sum(dbinom(x, n, mu, log = TRUE)))
  sum(dbetabinom(x, n, prob = mu, rho = rho, log = TRUE))
}
best <- function(f, cuts) {
  found <- list(x = cuts[1], f = f(cuts[1]))
  for (x in cuts) if (f(x) > found$f) found <- list(x = x, f = f(x))
  for (i in seq_len(length(cuts) - 1)) {
    o <- optimize(f, cuts[i + 0:1], maximum = TRUE, tol = 1e-13)
    if (o$objective > found$f + 1e-8) found <- list(x = o$maximum, f = o$objective)
  }
  found
}
exact_of <- function(x, n) {
  found <- binom.test(sum(x), sum(n), conf.level = LEVEL)
  list(estimate = 100 * found$estimate[[1]], ci_low = 100 * found$conf.int[1], ci_high = 100 * found$conf.int[2])
}
rate_of <- function(x, n) {
  if (length(x) == 1) return(exact_of(x, n))
  cuts <- MOST * c(0, .02, .1, .3, .6, 1)
  at_mu <- function(mu) best(function(rho) loglik(x, n, mu, rho), cuts)
  at_rho <- function(rho) best(function(mu) loglik(x, n, mu, rho), c(0, .05, .2, .5, .8, .95, 1))
  rho <- best(function(r) at_rho(r)$f, cuts)
  mu <- at_rho(rho$x)$x
  short <- function(m) at_mu(m)$f - (rho$f - qchisq(LEVEL, 1) / 2)
  root <- function(a, b) uniroot(short, c(a, b), tol = 1e-13)$root
  list(estimate = 100 * mu, ci_low = if (mu <= 0) 0 else 100 * root(mu * 1e-4, mu),
       ci_high = if (mu >= 1) 100 else 100 * root(mu, 1 - (1 - mu) * 1e-4), rho = rho$x)
}
rates_of <- function(i, stated) {
  out <- list(estimate = rate_of(t$events[i], t$n[i]))
  none <- length(i) > 1 && (sum(t$events[i]) == 0 || sum(t$events[i]) == sum(t$n[i]))
  if (none) out$beside$exact_sum <- exact_of(t$events[i], t$n[i])
  if (length(stated)) out$beside$all_zeros <- rate_of(t$events[c(i, stated)], t$n[c(i, stated)])
  out
}

fitted <- function(yi, vi) rma(yi, vi, method = "REML", test = "adhoc", level = 100 * LEVEL, control = TIGHT)
estimate_of <- function(i, measure, r) {
  if (measure == "proportion") return(rates_of(i, integer())$estimate)
  if (by_counts(i, measure)) return(two_counts(i, measure))
  e <- sapply(i, effect_of, measure = measure, r = r)
  of_fit <- function(x) ends_named(shown(c(x$b[1], x$ci.lb, x$ci.ub), i, measure))
  if (length(i) == 1) return(of_fit(rma(e[1, ], e[2, ], method = "REML", level = 100 * LEVEL)))
  scale <- if (measure %in% c("md", "mean")) 0.1 * diff(ends_of_scale(i[1])) else PRIOR[[measure]]
  if (length(i) >= FEW || !length(scale)) return(of_fit(fitted(e[1, ], e[2, ])))
  p <- posterior(e[1, ], e[2, ], scale)
  ends_named(shown(c(p$estimate, p$ci), i, measure))
}
group_of <- function(i, measure, r) {
  out <- list(estimate = estimate_of(i, measure, r))
  if (length(i) == 1) return(out)
  left <- lapply(seq_along(i), function(j) estimate_of(i[-j], measure, r))
  out$left_out <- setNames(left, primary$study_id[i])
  if (measure == "proportion") return(out)
  e <- sapply(i, effect_of, measure = measure, r = r)
  x <- fitted(e[1, ], e[2, ])
  between <- confint(x, control = list(tol = 1e-13, tau2.max = 1e6), verbose = FALSE)$random
  out$i2 <- list(x$I2, between["I^2(%)", "ci.lb"], between["I^2(%)", "ci.ub"])
  if (length(i) >= FEW) {
    p <- predict(x)
    out$prediction <- shown(c(p$pi.lb, p$pi.ub), i, measure)
    out$tau <- sqrt(c(x$tau2, between["tau^2", "ci.lb"], between["tau^2", "ci.ub"]))
    return(out)
  }
  scale <- if (measure %in% c("md", "mean")) 0.1 * diff(ends_of_scale(i[1])) else PRIOR[[measure]]
  of <- function(by) { p <- posterior(e[1, ], e[2, ], by * scale); ends_named(shown(c(p$estimate, p$ci), i, measure)) }
  p <- posterior(e[1, ], e[2, ], scale)
  out$prediction <- shown(p$prediction, i, measure)
  out$tau <- p$tau
  out$beside <- list(half_prior = of(0.5), twice_prior = of(2),
                     knapp_hartung = ends_named(shown(c(x$b[1], x$ci.lb, x$ci.ub), i, measure)))
  out
}

harm <- startsWith(primary$claim_id, "rare-") | primary$claim_id %in% c("short-downtime", "little-pain", "satisfies-patients")
stated <- harm & primary$measure == "proportion" & blank(t$basis) %in% c("sentence", "list")
key <- paste(primary$claim_id, primary$measure, primary$endpoint, design, ifelse(primary$add_on, "add-on", ""),
             study$condition, given, points_of, sep = "|")
groups <- list()
for (name in sort(unique(key))) {
  all <- which(key == name)
  i <- if (all(stated[all])) all else all[!stated[all]]
  other <- setdiff(all, i)
  measure <- primary$measure[i[1]]
  stopifnot(!anyDuplicated(primary$study_id[all]), !any(primary$modality[all] %in% c("rf", "rf_adjunct")) ||
              primary$claim_id[i[1]] %in% c("rf-combination", "rf-vs-plain"))
  people <- sum(t$n[i]) + sum(ifelse(paired[i] | is.na(c_$n[i]), 0, c_$n[i]))
  varied <- any(paired[i]) && measure != "proportion"
  by_r <- list(usual = group_of(i, measure, USUAL))
  if (varied) for (r in WITHIN) by_r[[sprintf("%g", r)]] <- group_of(i, measure, r)
  if (measure == "proportion") by_r$usual <- c(rates_of(i, other), by_r$usual["left_out"])
  groups[[name]] <- list(k = length(i), people = people, studies = I(primary$study_id[i]),
                         stated = I(primary$study_id[other]), by_r = by_r)
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/published_groups.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor")), VGAM = as.character(packageVersion("VGAM"))),
  call = "rma(yi, vi, method='REML', test='adhoc'); integrate over tau; dbetabinom, optimize, uniroot; binom.test",
  level = LEVEL, usual_r = USUAL, groups = groups)), auto_unbox = TRUE, null = "null")
write(gsub('"@([^"]*)"', "\\1", json), "published_groups.json")
