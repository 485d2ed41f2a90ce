{#- Bands of dashboards. Each is spelled once, so that a chart and a table never disagree. -#}

{% macro tenure_band(column) -%}
    case
        when {{ column }} is null then 'unknown'
        when {{ column }} <= 12 then '00-12'
        when {{ column }} <= 24 then '13-24'
        when {{ column }} <= 36 then '25-36'
        when {{ column }} <= 48 then '37-48'
        when {{ column }} <= 60 then '49-60'
        else '61+'
    end
{%- endmacro %}

{#- Lower end of the band that an amount lies in, in whole dollars. -#}
{% macro money_band(column, width) -%}
    (floor({{ column }} / {{ width }}) * {{ width }})::integer
{%- endmacro %}

{#- Probabilities are counted by thousandths: fine enough for AUC and deciles, and additive over days. -#}
{% macro permille(column) -%}
    least(floor({{ column }} * 1000), 999)::integer
{%- endmacro %}

{#- Log-loss of one score in nats; the probability is kept 1e-15 away from 0 and 1, as scikit-learn did. -#}
{% macro log_loss(probability, outcome) -%}
    -ln(case when {{ outcome }} then greatest({{ probability }}, 1e-15) else greatest(1 - {{ probability }}, 1e-15) end)
{%- endmacro %}
