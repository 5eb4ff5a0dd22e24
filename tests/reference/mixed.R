# Reference values for the random-intercept model: Rscript tests/reference/mixed.R
# Writes mixed.json beside this file. Data are simulated here with fixed seeds and stored with
# the results, so that both sides compute on the same rounded numbers.
suppressMessages({
  library(lme4); library(lmerTest); library(pbkrtest); library(emmeans); library(jsonlite)
})
RNGkind("Mersenne-Twister", "Inversion", "Rejection")

# The default tolerances of lmer leave five digits in theta; these leave eight.
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 0.2, rhoend = 1e-12, maxfun = 1e5))

# Outcome = line + patient effect (sd tau) + error (sd sigma), rounded so that JSON is exact.
outcome <- function(line, patient, tau, sigma, digits = 4) {
  labels <- unique(patient)
  effect <- setNames(rnorm(length(labels), sd = tau), labels)
  round(line + unname(effect[as.character(patient)]) + rnorm(length(line), sd = sigma), digits)
}
visits <- function(counts) rep(sprintf("p%03d", seq_along(counts)), counts)
layout <- function(seed, make) { set.seed(seed); make() }

layouts <- list(
  split_face_balanced = layout(1, function() {
    p <- visits(rep(2, 20)); side <- rep(0:1, 20)
    list(formula = y ~ side, tests = list(c("side")),
         data = data.frame(y = outcome(40 + 8 * side, p, 10, 9), side, patient = p))
  }),
  split_face_incomplete = layout(2, function() {
    p <- visits(c(rep(2, 14), rep(1, 6))); side <- c(rep(0:1, 14), 0, 1, 1, 1, 0, 1)
    list(formula = y ~ side, tests = list(c("side")),
         data = data.frame(y = outcome(40 + 8 * side, p, 10, 9), side, patient = p))
  }),
  one_sample_sites = layout(3, function() {
    p <- visits(c(1, 2, 3, 4, 2, 2, 1, 5, 3, 2))
    list(formula = y ~ 1, tests = list(c("(Intercept)")),
         data = data.frame(y = outcome(rep(25, length(p)), p, 12, 10), patient = p))
  }),
  two_arms_visits = layout(4, function() {
    p <- visits(rep(3, 24)); arm <- rep(rep(0:1, each = 3), 12); visit <- rep(1:3, 24)
    list(formula = y ~ arm * visit, tests = list(c("arm", "arm:visit"), c("visit", "arm:visit")),
         data = data.frame(y = outcome(20 + 5 * arm + 6 * visit, p, 8, 10), arm, visit, patient = p))
  }),
  many_visits_unbalanced = layout(5, function() {
    counts <- c(1, 2, 12, 3, 7, 5, 1, 9, 4, 4, 6, 11, 2, 8, 3)
    p <- visits(counts); n <- length(p)
    sessions <- sequence(counts); depth <- round(runif(n, 0.5, 2.5), 2)
    list(formula = y ~ sessions + depth, tests = list(c("sessions", "depth")),
         data = data.frame(y = outcome(10 + 4 * sessions + 3 * depth, p, 15, 8),
                           sessions, depth, patient = p))
  }),
  six_patients = layout(6, function() {
    p <- visits(rep(3, 6)); x <- round(rnorm(18), 3); arm <- rep(rep(0:1, each = 3), 3)
    list(formula = y ~ x + arm, tests = list(c("x", "arm")),
         data = data.frame(y = outcome(30 + 4 * x + 6 * arm, p, 6, 5), x, arm, patient = p))
  }),
  boundary = layout(17, function() {
    p <- visits(rep(4, 10)); x <- round(rnorm(40), 3)
    y <- unlist(lapply(1:10, function(i) { e <- rnorm(4); e - 0.9 * mean(e) }))
    list(formula = y ~ x, tests = list(c("x")),
         data = data.frame(y = round(5 + x + y, 4), x, patient = p))
  }),
  near_boundary = layout(8, function() {
    p <- visits(rep(3:6, 8)); x <- round(rnorm(length(p)), 3)
    list(formula = y ~ x, tests = list(c("x")),
         data = data.frame(y = outcome(5 + x, p, 0.35, 1), x, patient = p))
  }),
  factor_covariates = layout(9, function() {
    counts <- rep(c(2, 3, 1, 4), 12); p <- visits(counts); n <- length(p)
    scar <- sample(c("boxcar", "icepick", "mixed", "rolling"), n, TRUE)
    sex <- rep(sample(c("f", "m"), length(counts), TRUE), counts)
    baseline <- round(rnorm(n, 3, 0.6), 2)
    line <- 30 + c(boxcar = 0, icepick = -6, mixed = 2, rolling = 8)[scar] + 3 * (sex == "m") + 4 * baseline
    list(formula = y ~ scar + sex + baseline, factor = "scar",
         tests = list(c("scaricepick", "scarmixed", "scarrolling"), c("sexm", "baseline")),
         data = data.frame(y = outcome(unname(line), p, 9, 10), scar, sex, baseline, patient = p))
  }),
  many_small_groups = layout(10, function() {
    p <- visits(rep(c(1, 2, 2, 3), 50)); x <- round(rnorm(length(p)), 3)
    list(formula = y ~ x, tests = list(c("(Intercept)", "x")),
         data = data.frame(y = outcome(2 + 0.4 * x, p, 1, 1.5, 3), x, patient = p))
  }),
  ill_scaled = layout(11, function() {
    p <- visits(rep(4, 15)); n <- length(p)
    day <- 19000 + round(runif(n, 0, 400)); tiny <- round(runif(n), 3) * 1e-5
    # No joint test: lmerTest takes the smaller of two very unequal eigenvalues for zero.
    list(formula = y ~ day + tiny, tests = list(c("day"), c("tiny")),
         data = data.frame(y = outcome(0.05 * (day - 19000) + 1e6 * tiny, p, 5, 4), day, tiny, patient = p))
  }),
  offset_outcome = layout(12, function() {
    p <- visits(rep(c(2, 5), 9)); x <- round(rnorm(length(p)), 3)
    list(formula = y ~ x, tests = list(c("x")),
         data = data.frame(y = outcome(2500 + x, p, 1, 1), x, patient = p))
  }),
  high_icc = layout(13, function() {
    p <- visits(rep(c(2, 3, 4), 7)); x <- round(rnorm(length(p)), 3); arm <- rep(rep(0:1, length.out = 21), rep(c(2, 3, 4), 7))
    list(formula = y ~ x + arm, tests = list(c("x", "arm")),
         data = data.frame(y = outcome(x + arm, p, 20, 1), x, arm, patient = p))
  }),
  within_between = layout(14, function() {
    counts <- c(3, 4, 5, 6, 3, 4, 5, 6, 2, 7); p <- visits(counts)
    dose <- round(rep(rnorm(10, 3), counts) + rnorm(length(p)), 2)
    centre <- ave(dose, p)
    list(formula = y ~ within + between, tests = list(c("within", "between")),
         data = data.frame(y = outcome(10 + 3 * (dose - centre) - 2 * centre, p, 3, 4),
                           within = dose - centre, between = centre - mean(dose), dose, patient = p))
  }),
  one_large_group = layout(15, function() {
    p <- visits(c(60, 2, 1, 3, 2, 1)); x <- round(rnorm(length(p)), 3)
    list(formula = y ~ x, tests = list(c("x")),
         data = data.frame(y = outcome(1 + 0.5 * x, p, 1, 1), x, patient = p))
  })
)

# Visits of sites of patients: sd of patient, of site within patient, of error.
nested <- function(patients, sites, visits, tau, sub, sigma) {
  k <- rep_len(sites, patients); p <- rep(sprintf("p%02d", seq_len(patients)), k)
  site <- sequence(k); m <- rep_len(visits, length(p))
  effect <- rnorm(patients, sd = tau)[rep(seq_len(patients), k)] + rnorm(length(p), sd = sub)
  d <- data.frame(patient = rep(p, m), site = rep(letters[site], m), effect = rep(effect, m), visit = sequence(m))
  d$treated <- as.integer(d$site == "a"); d$x <- round(rnorm(nrow(d)), 3)
  d$y <- round(10 + 2 * d$treated + d$visit + 0.5 * d$x + d$effect + rnorm(nrow(d), sd = sigma), 4)
  d
}
nested_layouts <- list(
  balanced = layout(31, function() nested(12, 2, 3, 3, 2, 1.5)),
  unbalanced = layout(32, function() nested(14, c(1, 2, 3), c(1, 4, 2, 3), 3, 2, 1)),
  no_site_variance = layout(31, function() nested(12, 2, c(3, 4), 2, 0, 2)),
  no_patient_variance = layout(38, function() nested(12, c(2, 3), 3, 0, 2, 1))
)

numbers <- function(frame, columns) lapply(setNames(columns, names(columns)), function(k) I(unname(frame[, k])))
inference <- c(estimate = "Estimate", std_error = "Std. Error", df = "df", t = "t value", p_value = "Pr(>|t|)")

weights_of <- function(test, names) diag(length(names))[match(test, names), , drop = FALSE]

f_values <- function(fit, L, ddf) {
  if (ddf == "Kenward-Roger") {
    k <- KRmodcomp(as(fit, "lmerMod"), L)$stats
    return(list(f = k$Fstat, df_num = k$ndf, df_den = k$ddf, p_value = k$p.value))
  }
  k <- contestMD(fit, L, ddf = ddf)
  list(f = k[["F value"]], df_num = k$NumDF, df_den = k$DenDF, p_value = k[["Pr(>F)"]])
}

pairwise <- function(fit, factor) {
  options(emmeans = list(lmer.df = "satterthwaite"))
  means <- emmeans(fit, factor)
  m <- summary(means); d <- summary(pairs(means, reverse = TRUE), adjust = "bonferroni", infer = c(TRUE, TRUE))
  list(
    call = sprintf("pairs(emmeans(fit, '%s', lmer.df = 'satterthwaite'), adjust = 'bonferroni')", factor),
    levels = as.character(m[[factor]]), mean = m$emmean, mean_error = m$SE, mean_df = m$df,
    pair = as.character(d$contrast), difference = d$estimate, std_error = d$SE, df = d$df,
    ci_low = d$lower.CL, ci_high = d$upper.CL, p_value = d$p.value
  )
}

fit_layout <- function(name, l) {
  formula <- update(l$formula, . ~ . + (1 | patient))
  fit <- suppressWarnings(suppressMessages(do.call(lmerTest::lmer, list(formula, l$data, control = tight))))
  x <- model.matrix(l$formula, l$data); columns <- colnames(x)
  tests <- lapply(l$tests, weights_of, columns)
  result <- function(ddf) list(
    coefficients = numbers(coef(summary(fit, ddf = ddf)), inference),
    tests = lapply(seq_along(tests), function(i)
      c(list(columns = as.list(l$tests[[i]])), f_values(fit, tests[[i]], ddf)))
  )
  spread <- as.data.frame(VarCorr(fit))$vcov
  contrast <- rep_len(c(1, -0.5, 0.25), length(columns))
  one <- contest1D(fit, contrast)
  list(
    call = sprintf("lmerTest::lmer(%s, control = tight)", deparse1(formula)),
    columns = I(columns), x = unname(x), y = l$data$y, patient = l$data$patient,
    dose = l$data$dose, factor = if (!is.null(l$factor)) l$data[[l$factor]],
    variance_between = spread[1], variance_within = spread[2],
    log_likelihood = as.numeric(logLik(fit)), boundary = isSingular(fit),
    satterthwaite = result("Satterthwaite"), kenward_roger = result("Kenward-Roger"),
    contrast = c(list(weights = I(contrast)), as.list(setNames(unlist(one), names(inference)))),
    group_effects = unname(ranef(fit)$patient[unique(l$data$patient), 1]),
    residuals = unname(residuals(fit)),
    pairwise = if (!is.null(l$factor)) pairwise(fit, l$factor)
  )
}

fit_nested <- function(name, d) {
  formula <- y ~ treated + visit + x
  fit <- suppressMessages(do.call(lmerTest::lmer, list(update(formula, . ~ . + (1 | patient / site)), d, control = tight)))
  x <- model.matrix(formula, d)
  test <- c("treated", "visit", "x"); L <- weights_of(test, colnames(x))
  result <- function(ddf) list(
    coefficients = numbers(coef(summary(fit, ddf = ddf)), inference),
    tests = list(c(list(columns = as.list(test)), f_values(fit, L, ddf))))
  spread <- as.data.frame(VarCorr(fit)); spread <- setNames(spread$vcov, spread$grp)
  list(
    call = "lmerTest::lmer(y ~ treated + visit + x + (1 | patient / site), control = tight)",
    columns = I(colnames(x)), x = unname(x), y = d$y, patient = d$patient, site = d$site,
    variance_between = spread[["patient"]], variance_subgroups = spread[["site:patient"]],
    variance_within = spread[["Residual"]], log_likelihood = as.numeric(logLik(fit)),
    boundary = isSingular(fit), satterthwaite = result("Satterthwaite"),
    kenward_roger = result("Kenward-Roger"),
    group_effects = unname(ranef(fit)$patient[unique(d$patient), 1]), residuals = unname(residuals(fit))
  )
}

# One row per patient: lmer refuses, the reference is ordinary least squares.
one_row <- function() {
  set.seed(21)
  arm <- rep(0:1, 9); baseline <- round(rnorm(18, 3, 0.7), 2)
  y <- round(20 + 6 * arm + 5 * baseline + rnorm(18, sd = 4), 4)
  fit <- lm(y ~ arm + baseline)
  named <- c(estimate = "Estimate", std_error = "Std. Error", t = "t value", p_value = "Pr(>|t|)")
  list(call = "lm(y ~ arm + baseline)", columns = names(coef(fit)), x = unname(model.matrix(fit)),
       y = y, df = df.residual(fit), variance = sigma(fit)^2, coefficients = numbers(coef(summary(fit)), named))
}

paired <- function() {
  d <- layouts$split_face_balanced$data
  k <- t.test(d$y[d$side == 1], d$y[d$side == 0], paired = TRUE)
  list(call = "t.test(treated, control, paired = TRUE)", layout = "split_face_balanced",
       estimate = unname(k$estimate), df = unname(k$parameter), t = unname(k$statistic),
       p_value = k$p.value, ci_low = k$conf.int[1], ci_high = k$conf.int[2])
}

versions <- sapply(c("lme4", "lmerTest", "pbkrtest", "emmeans"), function(p) as.character(packageVersion(p)))
file <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
write_json(
  list(
    generator = "tests/reference/mixed.R", r = R.version.string, packages = as.list(versions),
    control = "lmerControl('bobyqa', optCtrl = list(rhobeg = 0.2, rhoend = 1e-12))",
    layouts = Map(fit_layout, names(layouts), layouts),
    nested = Map(fit_nested, names(nested_layouts), nested_layouts),
    one_row = one_row(), paired = paired()
  ),
  file.path(dirname(file), "mixed.json"), digits = I(17), auto_unbox = TRUE, null = "null"
)
