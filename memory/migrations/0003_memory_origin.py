from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("memory", "0002_vectors")]

    operations = [migrations.AddField("memory", "origin", models.CharField(blank=True, max_length=24))]
