from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("characters", "0002_versions")]

    operations = [
        migrations.AddField(
            model_name="cardoriginal",
            name="number",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="cardoriginal",
            name="avatar",
            field=models.CharField(blank=True, max_length=200),
        ),
    ]
